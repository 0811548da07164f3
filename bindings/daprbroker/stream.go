package daprbroker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// streamBytes bounds a stream that Weft creates: all queues of the mesh
// together, what waits in them.
const streamBytes = 1 << 30

// ensureStream makes sure that a stream takes the topics of the mesh and that
// each queue has its durable consumer: the component publishes into streams and
// makes none. A stream that exists is used as it is. A new one is a work queue,
// from which events go when they are taken, and refuses new ones when it is
// full.
func (b *Broker) ensureStream(ctx context.Context, props map[string]string, queues []string) error {
	get := func(name string) string { return property(props, name) }
	nc, err := nats.Connect(get("natsURL"), natsLogin(get)...)
	if err != nil {
		return err
	}
	defer nc.Close()
	var api js.JetStream
	switch {
	case get("apiPrefix") != "":
		api, err = js.NewWithAPIPrefix(nc, get("apiPrefix"))
	case get("domain") != "":
		api, err = js.NewWithDomain(nc, get("domain"))
	default:
		api, err = js.New(nc)
	}
	if err != nil {
		return err
	}
	s, err := b.stream(ctx, api, get("streamName"))
	if err != nil {
		return err
	}
	for _, queue := range queues {
		if err := b.ensureConsumer(ctx, s, queue); err != nil {
			return fmt.Errorf("stream %s, consumer %s: %w", s.CachedInfo().Config.Name, b.consumer(queue), err)
		}
	}
	return nil
}

// stream finds the stream of the mesh's topics, or creates it.
func (b *Broker) stream(ctx context.Context, api js.JetStream, name string) (js.Stream, error) {
	subject := b.topic("*")
	if name == "" {
		var err error
		name, err = api.StreamNameBySubject(ctx, subject)
		if errors.Is(err, js.ErrStreamNotFound) {
			return b.createStream(ctx, api, streamOf(b.namespace, b.mesh), subject)
		}
		if err != nil {
			return nil, fmt.Errorf("stream of subject %s: %w", subject, err)
		}
	}
	s, err := api.Stream(ctx, name)
	if errors.Is(err, js.ErrStreamNotFound) {
		return b.createStream(ctx, api, name, subject)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	return s, b.checkStream(s, subject)
}

const (
	// streamAckWait is after how long the server hands a message out again that
	// was not acknowledged: well below the dedup window of the embedded broker.
	streamAckWait = 10 * time.Second
	// streamPending bounds the messages that all engines together have in hand.
	streamPending = 256
)

// ensureConsumer makes the durable consumer of a queue, to which the component
// then binds.
func (b *Broker) ensureConsumer(ctx context.Context, s js.Stream, queue string) error {
	name := b.consumer(queue)
	_, err := s.PushConsumer(ctx, name)
	if !errors.Is(err, js.ErrConsumerNotFound) {
		return err
	}
	_, err = s.CreateOrUpdatePushConsumer(ctx, js.ConsumerConfig{
		Durable: name, DeliverGroup: name, DeliverSubject: "weft-deliver." + name, FilterSubject: b.topic(queue),
		DeliverPolicy: js.DeliverAllPolicy, AckPolicy: js.AckExplicitPolicy,
		AckWait: streamAckWait, MaxDeliver: -1, MaxAckPending: streamPending,
	})
	return err
}

// Codes of the server's API for a stream that has no room.
const (
	codeInsufficient    = 10023
	codeStorageExceeded = 10047
)

func (b *Broker) createStream(ctx context.Context, api js.JetStream, name, subject string) (js.Stream, error) {
	cfg := js.StreamConfig{
		Name: name, Subjects: []string{subject}, Description: "links of the mesh " + b.mesh,
		Retention: js.WorkQueuePolicy, Storage: js.FileStorage, Discard: js.DiscardNew, MaxBytes: streamBytes,
	}
	s, err := api.CreateOrUpdateStream(ctx, cfg)
	var refused *js.APIError
	if errors.As(err, &refused) && (refused.ErrorCode == codeInsufficient || refused.ErrorCode == codeStorageExceeded) {
		// The server reserves what a stream may have; without a bound it has
		// what is there.
		cfg.MaxBytes = -1
		s, err = api.CreateOrUpdateStream(ctx, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s could not be created (%w); create one with subject %s, work-queue retention and discard policy new", name, err, subject)
	}
	b.log.Info("created a stream for the links of the mesh", "stream", name, "subject", subject, "maxBytes", cfg.MaxBytes)
	return s, nil
}

// checkStream warns of what a stream does to events that were not taken yet.
func (b *Broker) checkStream(s js.Stream, subject string) error {
	c := s.CachedInfo().Config
	covered := false
	for _, have := range c.Subjects {
		if covers(have, subject) {
			covered = true
		}
	}
	if !covered {
		return fmt.Errorf("stream %s has the subjects %q and must have %s, by which the links of the mesh travel; add it, or let metadata streamName name another stream", c.Name, c.Subjects, subject)
	}
	bounded := c.MaxBytes > 0 || c.MaxMsgs > 0 || c.MaxMsgsPerSubject > 0
	if c.MaxAge > 0 || c.Discard == js.DiscardOld && bounded {
		b.log.Warn("the stream deletes events although nobody took them; use discard policy new and no maximum age", "stream", c.Name, "maxAge", c.MaxAge, "discard", c.Discard)
	}
	return nil
}

// covers tells whether a subject of a stream takes all that another, which ends
// in *, matches.
func covers(have, subject string) bool {
	h, s := strings.Split(have, "."), strings.Split(subject, ".")
	for i, t := range h {
		if t == ">" {
			return i < len(s)
		}
		if i >= len(s) || t != "*" && t != s[i] {
			return false
		}
	}
	return len(h) == len(s)
}

// natsLogin gives the options by which the component logs in with its metadata.
func natsLogin(get func(string) string) []nats.Option {
	opts := []nats.Option{nats.Name("weft")}
	jwt, seed := get("jwt"), get("seedKey")
	switch {
	case jwt != "" && seed != "":
		return append(opts, nats.UserJWT(
			func() (string, error) { return jwt, nil },
			func(nonce []byte) ([]byte, error) {
				pair, err := nkeys.FromSeed([]byte(seed))
				if err != nil {
					return nil, err
				}
				defer pair.Wipe()
				return pair.Sign(nonce)
			},
		))
	case get("tls_client_cert") != "" && get("tls_client_key") != "":
		return append(opts, nats.ClientCert(get("tls_client_cert"), get("tls_client_key")))
	case get("token") != "":
		return append(opts, nats.Token(get("token")))
	}
	return opts
}
