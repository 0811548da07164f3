//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// measureJetStream publishes, consumes and acknowledges messages of an order's
// size on an embedded server with files, in this process: the floor of a
// durable hop.
func measureJetStream(ctx context.Context, b *bench) (float64, error) {
	s, err := server.NewServer(&server.Options{
		DontListen: true, JetStream: true, StoreDir: filepath.Join(b.dir, "floor-jetstream"),
		SyncInterval: time.Second, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return 0, err
	}
	go s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(10 * time.Second) {
		return 0, errors.New("the embedded NATS server is not ready within 10 s")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	const window = 256 // messages in flight, as in a dispatcher
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(window))
	if err != nil {
		return 0, err
	}
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "FLOOR", Subjects: []string{"floor"}, Storage: jetstream.FileStorage, Duplicates: 2 * time.Minute,
	})
	if err != nil {
		return 0, err
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "floor", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: window})
	if err != nil {
		return 0, err
	}
	count := b.messages
	done := make(chan struct{})
	start := time.Now()
	seen := 0
	cons, err := consumer.Consume(func(m jetstream.Msg) {
		if m.Ack() == nil {
			if seen++; seen == count {
				close(done)
			}
		}
	}, jetstream.PullMaxMessages(window))
	if err != nil {
		return 0, err
	}
	defer cons.Stop()
	payload := make([]byte, 512)
	for i := range count {
		if _, err := js.PublishAsync("floor", payload, jetstream.WithMsgID(fmt.Sprint(i))); err != nil {
			return 0, err
		}
	}
	select {
	case <-done:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(2 * time.Minute):
		return 0, fmt.Errorf("JetStream delivered %d of %d messages within two minutes", seen, count)
	}
	return round(float64(count)/time.Since(start).Seconds(), 0), nil
}
