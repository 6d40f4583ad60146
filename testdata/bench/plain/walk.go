package main

import (
	"sync"

	"golang.org/x/crypto/ssh"
)

// walk does what the commands of a rollout come to, and nothing else: before
// each host's turn it asks all hosts at once how they are, then sends the host
// one command for each step, and asks it how it is.
func walk(addresses []string, config *ssh.ClientConfig, hosts, steps int, command string) {
	clients := make([]*ssh.Client, hosts)
	eachOf(clients, func(i int) {
		clients[i] = must(ssh.Dial("tcp", addresses[i%len(addresses)], config))
	})
	for _, c := range clients {
		eachOf(clients, func(i int) { must(0, send(clients[i], command)) })
		for range steps {
			must(0, send(c, command))
		}
		must(0, send(c, command))
	}
}

// eachOf calls f for each client, for all at once.
func eachOf(clients []*ssh.Client, f func(i int)) {
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func send(client *ssh.Client, command string) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	return session.Run(command)
}
