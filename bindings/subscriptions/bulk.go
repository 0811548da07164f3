package subscriptions

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/dapr/components-contrib/contenttype"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/google/uuid"

	"github.com/weftmesh/weft/mesh/delivery"
)

// bulkItem is one message of a bulk, as the function gets it.
type bulkItem struct {
	EntryID     string            `json:"entryId"`
	Event       any               `json:"event"`
	Metadata    map[string]string `json:"metadata"`
	ContentType string            `json:"contentType,omitempty"`

	entry *bulkEntry
}

// bulkEntry is one message of a bulk and what became of it.
type bulkEntry struct {
	pubsub.BulkMessageEntry
	// err has the component bring the message again.
	err error
	// back says that the message is not at fault, and so no dead letter.
	back bool
}

// bulkEnvelope is the body of a call with many messages.
type bulkEnvelope struct {
	ID       string            `json:"id"`
	Type     string            `json:"type"`
	Topic    string            `json:"topic"`
	PubSub   string            `json:"pubsubname"`
	Metadata map[string]string `json:"metadata"`
	Entries  []bulkItem        `json:"entries"`
}

// subscribeBulk subscribes to many messages at a time: by the component's own
// means, or by collecting them.
func (l *listener) subscribeBulk(ctx context.Context, instance pubsub.PubSub, req pubsub.SubscribeRequest, w *want) error {
	req.BulkSubscribeConfig = pubsub.BulkSubscribeConfig{
		MaxMessagesCount: w.bulk.MaxMessages, MaxAwaitDurationMs: int(w.bulk.MaxAwait.Milliseconds()),
	}
	if b, ok := instance.(pubsub.BulkSubscriber); ok {
		return b.BulkSubscribe(ctx, req, l.handleBulk)
	}
	immediately := pubsub.FeatureBulkSubscribeImmediate.IsPresent(instance.Features())
	b := newBatcher(ctx, l, w, immediately)
	return instance.Subscribe(ctx, req, b.add)
}

// handleBulk is what the component calls with many messages. With an error, the
// entries say which of them it is to bring again.
func (l *listener) handleBulk(ctx context.Context, msg *pubsub.BulkMessage) (out []pubsub.BulkSubscribeResponseEntry, err error) {
	if msg == nil || len(msg.Entries) == 0 {
		return nil, nil
	}
	if !l.gate.enter() {
		return nil, l.giveBack(ctx)
	}
	back := false
	func() {
		defer l.gate.leave()
		defer l.guard(&err)
		out, err = l.takeBulk(ctx, msg)
		back = err != nil && l.gate.isShut()
	}()
	if back {
		_ = l.giveBack(ctx)
	}
	return out, err
}

// takeBulk brings messages to the function, one call for each route, and those
// that failed to the dead-letter topic, if there is one.
func (l *listener) takeBulk(ctx context.Context, in *pubsub.BulkMessage) ([]pubsub.BulkSubscribeResponseEntry, error) {
	w := l.want.Load()
	metadata := make(map[string]string, len(in.Metadata)+1)
	maps.Copy(metadata, in.Metadata)
	metadata[metaPubSub] = w.PubSub

	entries := make([]bulkEntry, len(in.Entries))
	var paths []string
	byPath := make(map[string][]bulkItem)
	for i := range in.Entries {
		e := &entries[i]
		e.BulkMessageEntry = in.Entries[i]
		item, path := l.readEntry(ctx, w, e)
		if item == nil {
			continue
		}
		if _, ok := byPath[path]; !ok {
			paths = append(paths, path)
		}
		byPath[path] = append(byPath[path], *item)
	}
	for _, path := range paths {
		l.postBulk(ctx, w, path, metadata, byPath[path])
	}

	failed := 0
	out := make([]pubsub.BulkSubscribeResponseEntry, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.err != nil && !e.back && w.DeadLetterTopic != "" && !l.gate.isShut() && l.deadLetter(ctx, w, e.message(w)) == nil {
			e.err = nil
		}
		if e.err != nil {
			failed++
			l.counts.retried.Add(1)
		}
		out[i] = pubsub.BulkSubscribeResponseEntry{EntryId: e.EntryId, Error: e.err}
	}
	if failed == 0 {
		return out, nil
	}
	return out, fmt.Errorf("%d of %d messages of topic %s were not delivered", failed, len(entries), w.Topic)
}

// readEntry makes an item of an entry and finds its route; nil if there is
// nothing to deliver, with the reason in the entry if it is an error.
func (l *listener) readEntry(ctx context.Context, w *want, e *bulkEntry) (*bulkItem, string) {
	if e.EntryId == "" {
		e.err = errors.New("the component gave the message no id")
		return nil, ""
	}
	item := &bulkItem{EntryID: e.EntryId, Metadata: e.Metadata, ContentType: e.ContentType, entry: e}
	var subject any
	if w.raw {
		subject, item.Event = string(e.Event), base64.StdEncoding.EncodeToString(e.Event)
		if item.ContentType == "" {
			item.ContentType = "application/octet-stream"
		}
	} else {
		var event map[string]any
		if err := json.Unmarshal(e.Event, &event); err != nil {
			e.err = fmt.Errorf("read the message: %w", err)
			l.tell("a message was not delivered", w, &message{NewMessage: *e.message(w)}, e.err)
			return nil, ""
		}
		subject, item.Event = event, event
		if item.ContentType == "" {
			item.ContentType = contenttype.CloudEventContentType
		}
		if pubsub.HasExpired(event) {
			l.discard(ctx, w, e, errExpired)
			return nil, ""
		}
	}
	path, err := route(w.rules, subject)
	switch {
	case errors.Is(err, errNoRoute):
		l.discard(ctx, w, e, err)
		return nil, ""
	case err != nil:
		e.err = err
		l.tell("a message was not delivered", w, &message{NewMessage: *e.message(w)}, err)
		return nil, ""
	}
	return item, path
}

// discard drops an entry that is for no one.
func (l *listener) discard(ctx context.Context, w *want, e *bulkEntry, why error) {
	l.counts.unrouted(why)
	l.m.log.Debug("a message was dropped: "+why.Error(), "function", l.mem.f.Name, "pubsub", w.PubSub, "topic", w.Topic)
	if w.DeadLetterTopic != "" {
		_ = l.deadLetter(ctx, w, e.message(w))
	}
}

// message gives the entry as a message of its own.
func (e *bulkEntry) message(w *want) *pubsub.NewMessage {
	m := &pubsub.NewMessage{Data: e.Event, Topic: w.Topic, Metadata: e.Metadata}
	if e.ContentType != "" {
		m.ContentType = &e.ContentType
	}
	return m
}

// postBulk calls the function with the messages of one route, and writes down
// what became of each.
func (l *listener) postBulk(ctx context.Context, w *want, path string, metadata map[string]string, items []bulkItem) {
	all := func(err error, back bool) {
		for _, item := range items {
			item.entry.err, item.entry.back = err, back
		}
	}
	body, err := json.Marshal(bulkEnvelope{
		ID: uuid.NewString(), Type: pubsub.DefaultBulkEventType, Topic: w.Topic, PubSub: w.PubSub,
		Metadata: metadata, Entries: items,
	})
	if err != nil {
		all(fmt.Errorf("write the messages: %w", err), false)
		return
	}
	header := headers(metadata)
	header.Set("Content-Type", contenttype.JSONContentType)
	a, err := l.mem.call(context.Background(), http.MethodPost, path, header, body)
	first := &message{NewMessage: *items[0].entry.message(w)}
	var unavailable *delivery.UnavailableError
	switch {
	case errors.Is(err, errStopping):
		all(err, true)
	case errors.As(err, &unavailable):
		all(err, true)
		l.tell("messages go back", w, first, err)
		l.mem.pauses.wait(ctx, l.m.ending)
	case err != nil:
		all(err, false)
		l.tell("messages were not delivered", w, first, err)
	case a.status == http.StatusNotFound:
		for _, item := range items {
			l.drop(ctx, w, item.entry, a.verdict())
		}
	case !a.ok():
		all(a.verdict(), false)
		l.tell("messages were not delivered", w, first, a.verdict())
	default:
		l.settleBulk(ctx, w, items, a)
	}
}

// drop has an entry that the function does not want go to the dead-letter topic.
func (l *listener) drop(ctx context.Context, w *want, e *bulkEntry, why error) {
	l.counts.dropped.Add(1)
	l.tell("a message was dropped", w, &message{NewMessage: *e.message(w)}, why)
	if w.DeadLetterTopic != "" {
		e.err = l.deadLetter(ctx, w, e.message(w))
		e.back = true // the dead-letter topic has been tried
	}
}

// settleBulk reads the statuses that the function answered. A message that the
// answer leaves out comes again.
func (l *listener) settleBulk(ctx context.Context, w *want, items []bulkItem, a answer) {
	statuses, err := parseStatuses(a.body)
	for _, item := range items {
		e := item.entry
		status, said := statuses[item.EntryID]
		switch {
		case err != nil:
			e.err = fmt.Errorf("the answer has no statuses: %w", err)
		case !said:
			e.err = errors.New("the answer has no status of the message")
		case status == pubsub.Success:
			l.counts.delivered.Add(1)
			continue
		case status == pubsub.Drop:
			l.drop(ctx, w, e, fmt.Errorf("%w: the function answered DROP", errDropped))
			continue
		case status == "", status == pubsub.Retry:
			e.err = errors.New("the function answered RETRY")
		default:
			e.err = fmt.Errorf("the function answered status %.40q, which is none of SUCCESS, RETRY and DROP", string(status))
		}
		l.tell("a message was not delivered", w, &message{NewMessage: *e.message(w)}, e.err)
	}
}

// parseStatuses reads the answer to a bulk: a status for each message, by the
// entry's id. If one is named twice, the last counts.
func parseStatuses(body []byte) (map[string]pubsub.AppResponseStatus, error) {
	var said pubsub.AppBulkResponse
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&said); err != nil {
		return nil, err
	}
	statuses := make(map[string]pubsub.AppResponseStatus, len(said.AppResponses))
	for _, r := range said.AppResponses {
		statuses[r.EntryId] = r.Status
	}
	return statuses, nil
}
