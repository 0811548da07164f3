package daprbroker

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/wire"
)

// Extensions of an event while it travels.
const (
	// extID holds the event's own id: the message's id is messageID's.
	extID = "weftid"
	// extCopy is drawn anew for each publish. Copies of one message that a
	// component hands out again have the same.
	extCopy = "weftcopy"
	// extQueued is when the event was published, in Unix nanoseconds. It stays
	// with the event in Options.Local, until a dispatcher takes it.
	extQueued = "weftqueued"
)

// messageID identifies an event within its queue. A component may drop messages
// by the id of the CloudEvent in them (JetStream does), although two events may
// have the same id but for their source, or their queue.
func messageID(queue string, c *event.EventContextV1) string {
	h := sha256.New()
	for _, s := range []string{queue, c.Source.String(), c.ID} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// travelling is e with an id and extensions for the way, or without any if it
// has none of what an event must have.
func travelling(queue string, e *event.Event, now time.Time) (*event.Event, string, error) {
	if e.Context == nil {
		return nil, "", fmt.Errorf("event has no attributes")
	}
	own := e.Context.AsV1()
	if own.ID == "" || own.Type == "" || own.Source.URL == (url.URL{}) {
		return nil, "", fmt.Errorf("event %q of type %q from %q: id, type and source are required", own.ID, own.Type, own.Source.String())
	}
	c := *own
	c.Extensions = make(map[string]any, len(own.Extensions)+3)
	maps.Copy(c.Extensions, own.Extensions)
	c.ID = messageID(queue, own)
	no := rand.Text()
	c.Extensions[extID] = own.ID
	c.Extensions[extCopy] = no
	c.Extensions[extQueued] = strconv.FormatInt(now.UnixNano(), 10)
	return &event.Event{Context: &c, DataEncoded: e.DataEncoded, DataBase64: e.DataBase64}, no, nil
}

// marshal writes an event as structured JSON, its data byte for byte: JSON with
// white space around it would lose that.
func marshal(e *event.Event) ([]byte, error) {
	data := e.DataEncoded
	n := len(data)
	if n == 0 || !blank(data[0]) && !blank(data[n-1]) {
		return wire.MarshalStructured(e)
	}
	b, err := wire.MarshalStructured(&event.Event{Context: e.Context})
	if err != nil {
		return nil, err
	}
	b = append(b[:len(b)-1], `,"data_base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, data)
	return append(b, '"', '}'), nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// unmarshal reads what marshal wrote and restores the event's own id. Its time
// of publishing stays with it.
func unmarshal(data []byte) (e *event.Event, no string, err error) {
	got, err := wire.UnmarshalStructured(data)
	if err != nil {
		return nil, "", err
	}
	c := got.Context.AsV1()
	id, _ := c.Extensions[extID].(string)
	no, _ = c.Extensions[extCopy].(string)
	if id == "" || no == "" {
		return nil, "", fmt.Errorf("it was not published by Weft: %s or %s is missing", extID, extCopy)
	}
	c.ID = id
	delete(c.Extensions, extID)
	delete(c.Extensions, extCopy)
	got.Context = c
	return &got, no, nil
}

// queued takes the time of publishing off an event; fallback where it has none.
func queued(e *event.Event, fallback time.Time) time.Time {
	c, ok := e.Context.(*event.EventContextV1)
	if !ok {
		return fallback
	}
	text, ok := c.Extensions[extQueued].(string)
	if !ok {
		return fallback
	}
	delete(c.Extensions, extQueued)
	if len(c.Extensions) == 0 {
		c.Extensions = nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fallback
	}
	return time.Unix(0, n)
}
