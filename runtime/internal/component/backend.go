package component

import (
	"context"
	"time"
)

// Backend answers calls of components. It is safe for concurrent use, and its
// errors are of type *Error.
type Backend interface {
	// Get reads keys of a state store in one call, in the order of keys.
	Get(ctx context.Context, store string, keys []string) ([]Record, error)
	// Apply makes several writes together, all or none, and a single one
	// without a transaction. A key occurs once.
	Apply(ctx context.Context, store string, writes []Write) error
	// Publish puts a message on a topic.
	Publish(ctx context.Context, m Message) error
	// Invoke calls a binding.
	Invoke(ctx context.Context, i Invocation) (Reply, error)
	// Secret reads a secret, which has one value or several by name.
	Secret(ctx context.Context, store, key string) (map[string]string, error)
}

// Record is a key as it was read.
type Record struct {
	Key   string
	Value []byte
	ETag  string
	// Found says whether the key exists.
	Found bool
}

// Write is a change of one key.
type Write struct {
	Key   string
	Value []byte
	// Delete removes the key; Value and TTL do not matter.
	Delete bool
	// ETag that the key must have; "" for any.
	ETag string
	// Create writes the key only if it does not exist.
	Create bool
	// TTL after which the key is gone; 0 for none. Stores count in seconds.
	TTL time.Duration
}

// Message is one to publish.
type Message struct {
	Component, Topic, ContentType string
	Data                          []byte
	Metadata                      map[string]string
}

// Invocation is a call of a binding.
type Invocation struct {
	Name, Operation string
	Data            []byte
	Metadata        map[string]string
}

// Reply is a binding's answer.
type Reply struct {
	Data     []byte
	Metadata map[string]string
}

// Client is a Backend with the locks of the keys that this process changes.
type Client struct {
	Backend
	Locks Locks
}

type key struct{}

// With returns a context in which calls of components reach c.
func With(ctx context.Context, c *Client) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// From returns the client that ctx carries, nil if it carries none.
func From(ctx context.Context) *Client {
	c, _ := ctx.Value(key{}).(*Client)
	return c
}
