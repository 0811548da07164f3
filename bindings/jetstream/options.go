package jetstream

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

// Values of Options.Sync.
const (
	// SyncSecond syncs files each second in which something was written: a kill
	// loses nothing, a power cut at
	// most the last second.
	SyncSecond = "1s"
	// SyncAlways syncs before an event counts as durable.
	SyncAlways = "always"
)

// Options of Start and Connect.
type Options struct {
	// Dir holds the embedded server's files. Start only.
	Dir string
	// Sync is SyncAlways, or a duration between syncs of the files; SyncSecond
	// if empty. Start only.
	Sync string
	// Namespace and Mesh name streams and subjects: DNS labels.
	Namespace, Mesh string
	// DedupWindow is how long an event's identity is remembered after it was
	// stored; if zero, 30s for Start and 60s for Connect.
	DedupWindow time.Duration
	// MaxBytes bounds the stored bytes of each queue; 1 GiB if zero. An event
	// that waits in a pause does not keep those acknowledged after it in the
	// way of new ones.
	MaxBytes int64
	// MaxEvent bounds an event with its attributes, in bytes; 8 MiB if zero,
	// at most 64 MiB. An external server has its own limit. Start only.
	MaxEvent int
	// Replicas of each stream on an external, clustered server; 1 if zero.
	Replicas int
	// Domain of JetStream on an external server that is reached by way of a leaf
	// node, or the APIPrefix under which another account's JetStream is imported;
	// the connection's own JetStream if both are empty. One of the two. Connect
	// only.
	Domain, APIPrefix string
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
	// AckWait is after how long an event in hand comes again of which nothing is
	// heard; three times delivery.ProgressInterval if zero. Shorter is for tests.
	AckWait time.Duration
}

// embeddedDedupWindow is Start's default. Ids are in memory, so
// the window is no longer than it must be.
//
// What is repeated is an event whose outputs were stored when the engine was
// killed, before the event itself was acknowledged. It comes back once the ack
// wait is over, counted from its last sign of life: 15 s, in which an engine
// that is restarted comes up. That leaves as long again for its handler to run
// a second time, and longer if the outputs had been handled before the kill:
// see recall. A handler that is slower still routes twice what is repeated, for
// targets to bear, as delivery is at least once; the same goes for an engine
// that is down for longer.
const embeddedDedupWindow = 2 * ackWait

// Defaults of Options.
const (
	defaultDedupWindow = time.Minute
	defaultMaxBytes    = 1 << 30
	defaultMaxEvent    = 8 << 20
)

var label = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$`)

func (o Options) withDefaults() (Options, error) {
	if !label.MatchString(o.Namespace) || !label.MatchString(o.Mesh) {
		return o, fmt.Errorf("namespace %q and mesh %q must be letters, digits and hyphens: they name streams", o.Namespace, o.Mesh)
	}
	if o.Domain != "" && o.APIPrefix != "" {
		return o, errors.New("domain and apiPrefix both say where JetStream is: give one")
	}
	if o.DedupWindow <= 0 {
		o.DedupWindow = defaultDedupWindow
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxEvent <= 0 {
		o.MaxEvent = defaultMaxEvent
	}
	if o.AckWait <= 0 {
		o.AckWait = ackWait
	}
	if o.Replicas <= 0 {
		o.Replicas = 1
	}
	if o.Sync == "" {
		o.Sync = SyncSecond
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}

// syncInterval of the files; always is true for SyncAlways.
func (o Options) syncInterval() (d time.Duration, always bool, err error) {
	if o.Sync == SyncAlways {
		return 0, true, nil
	}
	d, err = time.ParseDuration(o.Sync)
	if err != nil || d <= 0 {
		return 0, false, fmt.Errorf("sync is %q: give %q or a duration such as %q", o.Sync, SyncAlways, SyncSecond)
	}
	return d, false, nil
}

// api is what subjects of JetStream's API begin with.
func (o Options) api() string {
	switch {
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	case o.APIPrefix != "":
		return strings.TrimSuffix(o.APIPrefix, ".") + "."
	}
	return "$JS.API."
}

// names of streams and subjects.
type names struct{ stream, subject string }

func (o Options) names() names {
	return names{
		stream:  "WEFT_" + o.Namespace + "_" + o.Mesh + "_",
		subject: "weft." + o.Namespace + "." + o.Mesh + ".",
	}
}

func (n names) queueStream(queue string) string  { return n.stream + queue }
func (n names) queueSubject(queue string) string { return n.subject + queue }
func (n names) deadStream() string               { return n.stream + "_dead" }
func (n names) dead(function, id string) string {
	return n.subject + "_dead." + token(function) + "." + id
}
func (n names) stateStream() string { return n.stream + "_state" }
func (n names) attempts(queue string) string {
	return n.subject + "_state.attempts." + queue + "."
}
func (n names) shared(key string) string { return n.subject + "_state.shared." + key }

// token makes one token of a subject out of any name: what is not a letter,
// digit, hyphen or underscore is written =XX.
func token(s string) string {
	if plainToken(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plainToken(s[i : i+1]) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func plainToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}
