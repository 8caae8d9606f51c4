// The smallest program as users write it. It must run unchanged against a server started with no flags.
package main

import (
	"fmt"
	"log"

	"github.com/nats-io/nats.go"
)

func main() {
	nc, err := nats.Connect("nats://localhost:4222")
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()

	printed := make(chan struct{})
	_, err = nc.Subscribe("hello", func(m *nats.Msg) {
		fmt.Println(string(m.Data))
		close(printed)
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := nc.Publish("hello", []byte("Hello World!")); err != nil {
		log.Fatal(err)
	}
	<-printed
}
