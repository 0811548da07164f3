package daprapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/dapr/components-contrib/contenttype"
	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"golang.org/x/sync/errgroup"

	"github.com/weftmesh/weft/mesh"
)

// broker is what the API needs of a pub/sub component.
type broker interface {
	Publisher() pubsub.PubSub
	MayPublish(f *mesh.Function, topic string) bool
}

// linkTopics is how the names of topics begin that carry the links of a mesh.
const linkTopics = "weft."

// topic names where something is published to.
type topic struct{ pubsub, name string }

// message is what is published to a topic.
type message struct {
	data        []byte
	contentType string
	// metadata of the message. It may be written to.
	metadata map[string]string
	trace    trace
}

// target finds the component that a topic is published by, and whether
// messages go as they are. Faults have info as what was asked with.
func (c *caller) target(t topic, meta, info map[string]string) (p broker, raw bool, err error) {
	if t.pubsub == "" {
		return nil, false, noPubSubName(meta)
	}
	p = c.pubsubs[t.pubsub]
	if p == nil {
		return nil, false, noPubSub(t.pubsub, info)
	}
	if t.name == "" {
		return nil, false, noTopic(t.pubsub, meta)
	}
	if raw, err = metadata.IsRawPayload(meta); err != nil {
		return nil, false, badPubSubMetadata(t.pubsub, meta, err)
	}
	if strings.HasPrefix(t.name, linkTopics) || !p.MayPublish(c.function, t.name) {
		return nil, false, c.topicForbidden(t)
	}
	return p, raw, nil
}

// publish sends one message, as a CloudEvent unless it is raw.
func (c *caller) publish(ctx context.Context, p broker, t topic, raw bool, m message) error {
	data := m.data
	if !raw {
		var err error
		if data, err = c.envelope(p.Publisher().Features(), t, m); err != nil {
			return err
		}
	}
	err := p.Publisher().Publish(ctx, &pubsub.PublishRequest{PubsubName: t.pubsub, Topic: t.name, Data: data, Metadata: m.metadata})
	if err != nil {
		return publishFault(t, err)
	}
	return nil
}

// envelope makes a CloudEvent of a message, as daprd does
// (pkg/runtime/pubsub/cloudevents.go).
func (c *caller) envelope(features []pubsub.Feature, t topic, m message) ([]byte, error) {
	var event map[string]any
	if contenttype.IsCloudEventContentType(m.contentType) {
		if b := bytes.TrimLeft(m.data, " \t\r\n"); len(b) == 0 || b[0] != '{' {
			// null would have the library write to no map.
			return nil, c.badCloudEvent(t, errors.New("a CloudEvent is a JSON object"))
		}
		var err error
		event, err = pubsub.FromCloudEvent(m.data, t.name, t.pubsub, m.trace.parent, m.trace.state)
		if err != nil {
			return nil, c.badCloudEvent(t, err)
		}
	} else {
		a := attributes{source: c.appID(), trace: m.trace.parent, state: m.trace.state}
		a.override(m.metadata)
		event = pubsub.NewCloudEventsEnvelope(a.id, a.source, a.eventType, a.subject, t.name, t.pubsub, m.contentType, m.data, a.trace, a.state)
	}
	pubsub.ApplyMetadata(event, features, m.metadata)
	data, err := json.Marshal(event)
	if err != nil {
		return nil, c.badEnvelope(t, err)
	}
	return data, nil
}

// attributes of an envelope that metadata may set.
type attributes struct{ id, source, eventType, subject, trace, state string }

// overridePrefix begins the names of metadata that set attributes.
const overridePrefix = "cloudevent."

// override takes over what metadata sets. Names count in any case; traceparent
// outdoes traceid.
func (a *attributes) override(m map[string]string) {
	var parent string
	for name, v := range m {
		if len(name) <= len(overridePrefix) || !strings.EqualFold(name[:len(overridePrefix)], overridePrefix) {
			continue
		}
		switch strings.ToLower(name[len(overridePrefix):]) {
		case "id":
			a.id = v
		case "source":
			a.source = v
		case "type":
			a.eventType = v
		case "subject":
			a.subject = v
		case "traceid":
			a.trace = v
		case "tracestate":
			a.state = v
		case "traceparent":
			parent = v
		}
	}
	if parent != "" {
		a.trace = parent
	}
}

// bulkEntry is one message of a bulk publish. Its metadata is nil if it has
// none of its own: then that of the request does not apply to it either
// (daprd's rule).
type bulkEntry struct {
	id, contentType string
	event           []byte
	metadata        map[string]string
}

// maxBulkPublishes is how many messages go at once to a broker that takes them
// one by one; daprd's number.
const maxBulkPublishes = 100

// bulkPublish sends messages. Those that failed are told with the error.
func (c *caller) bulkPublish(ctx context.Context, p broker, t topic, raw bool, entries []bulkEntry, meta map[string]string, tr trace) ([]pubsub.BulkPublishResponseFailedEntry, error) {
	features := p.Publisher().Features()
	req := &pubsub.BulkPublishRequest{PubsubName: t.pubsub, Topic: t.name, Metadata: meta, Entries: make([]pubsub.BulkMessageEntry, len(entries))}
	ids := make(map[string]struct{}, len(entries))
	for i, e := range entries {
		if _, twice := ids[e.id]; twice || e.id == "" {
			return nil, c.badEntries(t, errors.New("entryId is duplicated or not present for entry"))
		}
		ids[e.id] = struct{}{}
		m := e.metadata
		if m != nil {
			m = maps.Clone(meta)
			if m == nil {
				m = make(map[string]string, len(e.metadata))
			}
			maps.Copy(m, e.metadata)
		}
		data := e.event
		if !raw {
			var err error
			data, err = c.envelope(features, t, message{data: e.event, contentType: e.contentType, metadata: m, trace: tr.child()})
			if err != nil {
				return nil, err
			}
		}
		req.Entries[i] = pubsub.BulkMessageEntry{EntryId: e.id, Event: data, ContentType: e.contentType, Metadata: m}
	}
	failed, err := bulkSend(ctx, p.Publisher(), features, req)
	if err != nil {
		return failed, publishFault(t, err)
	}
	return failed, nil
}

// bulkSend gives the messages to the broker, at once if it takes them so.
func bulkSend(ctx context.Context, p pubsub.PubSub, features []pubsub.Feature, req *pubsub.BulkPublishRequest) ([]pubsub.BulkPublishResponseFailedEntry, error) {
	if b, ok := p.(pubsub.BulkPublisher); ok && pubsub.FeatureBulkPublish.IsPresent(features) {
		resp, err := b.BulkPublish(ctx, req)
		if err != nil && len(resp.FailedEntries) == 0 {
			resp = pubsub.NewBulkPublishResponse(req.Entries, err)
		}
		return resp.FailedEntries, err
	}
	errs := make([]error, len(req.Entries))
	var g errgroup.Group
	g.SetLimit(maxBulkPublishes)
	for i := range req.Entries {
		e := &req.Entries[i]
		g.Go(func() error {
			errs[i] = p.Publish(ctx, &pubsub.PublishRequest{
				PubsubName: req.PubsubName, Topic: req.Topic, Data: e.Event, Metadata: e.Metadata, ContentType: &e.ContentType,
			})
			return errs[i]
		})
	}
	err := g.Wait()
	failed := make([]pubsub.BulkPublishResponseFailedEntry, 0)
	for i, e := range errs {
		if e != nil {
			failed = append(failed, pubsub.BulkPublishResponseFailedEntry{EntryId: req.Entries[i].EntryId, Error: e})
		}
	}
	return failed, err
}
