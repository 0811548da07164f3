// Command queue gives KEDA something to look at in JetStream:
//
//	queue -nats URL fill STREAM CONSUMER N    makes both, and N messages
//	queue -nats URL empty STREAM              takes the messages away
//	queue -nats URL delete STREAM
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	at := flag.String("nats", nats.DefaultURL, "the server")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, *at, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "queue:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, at string, args []string) error {
	if len(args) < 2 {
		return errors.New("which stream?")
	}
	nc, err := nats.Connect(at)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	stream := args[1]
	switch {
	case args[0] == "fill" && len(args) == 4:
		n, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return fill(ctx, js, stream, args[2], n)
	case args[0] == "empty":
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		return s.Purge(ctx)
	case args[0] == "delete":
		return js.DeleteStream(ctx, stream)
	}
	return fmt.Errorf("%q is not fill STREAM CONSUMER N, empty STREAM or delete STREAM", args)
}

func fill(ctx context.Context, js jetstream.JetStream, stream, consumer string, n int) error {
	s, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{stream}})
	if err != nil {
		return err
	}
	if _, err := s.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy,
	}); err != nil {
		return err
	}
	for range n {
		if _, err := js.Publish(ctx, stream, []byte("x")); err != nil {
			return err
		}
	}
	return nil
}
