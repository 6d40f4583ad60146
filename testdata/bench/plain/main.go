// Command plain is what farmrun is measured against: it logs in to a server as
// many times as it is told, runs a command each time, and does nothing else.
//
//	plain ADDRESS,… USER KEY-FILE HOST-KEY-FILE TIMES AT-ONCE COMMAND
//
// Or it sends the commands of a rollout of so many hosts (see walk):
//
//	plain walk ADDRESS,… USER KEY-FILE HOST-KEY-FILE HOSTS STEPS COMMAND
package main

import (
	"log"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

func main() {
	args := os.Args[1:]
	walks := args[0] == "walk"
	if walks {
		args = args[1:]
	}
	addresses, user, command := strings.Split(args[0], ","), args[1], args[6]
	signer := must(ssh.ParsePrivateKey(must(os.ReadFile(args[2]))))
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey(must(os.ReadFile(args[3])))
	must(hostKey, err)
	config := &ssh.ClientConfig{
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(hostKey),
	}
	first, second := must(strconv.Atoi(args[4])), must(strconv.Atoi(args[5]))
	if walks {
		walk(addresses, config, first, second, command)
		return
	}
	var all sync.WaitGroup
	slots := make(chan int, second)
	for i := range first {
		slots <- 1
		all.Go(func() {
			must(0, once(addresses[i%len(addresses)], config, command))
			<-slots
		})
	}
	all.Wait()
}

func once(address string, config *ssh.ClientConfig, command string) error {
	client, err := ssh.Dial("tcp", address, config)
	if err != nil {
		return err
	}
	defer client.Close()
	return send(client, command)
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
