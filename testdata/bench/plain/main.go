// Command plain is what farmrun is measured against: it logs in to a server as
// many times as it is told, runs a command each time, and does nothing else.
//
//	plain ADDRESS,… USER KEY-FILE HOST-KEY-FILE TIMES AT-ONCE COMMAND
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
	addresses, user, command := strings.Split(os.Args[1], ","), os.Args[2], os.Args[7]
	signer := must(ssh.ParsePrivateKey(must(os.ReadFile(os.Args[3]))))
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey(must(os.ReadFile(os.Args[4])))
	must(hostKey, err)
	config := &ssh.ClientConfig{
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(hostKey),
	}
	var all sync.WaitGroup
	slots := make(chan int, must(strconv.Atoi(os.Args[6])))
	for i := range must(strconv.Atoi(os.Args[5])) {
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
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	return session.Run(command)
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
