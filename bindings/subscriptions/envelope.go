package subscriptions

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/dapr/components-contrib/contenttype"
	"github.com/dapr/components-contrib/pubsub"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// ownFields are the attributes that have a field of their own in the proto
// message; the others are extensions.
var ownFields = map[string]bool{
	pubsub.IDField: true, pubsub.SourceField: true, pubsub.DataContentTypeField: true, pubsub.TypeField: true,
	pubsub.SpecVersionField: true, pubsub.DataField: true, pubsub.DataBase64Field: true,
}

// topicEvent makes the proto message of an event (TopicEventRequest).
func topicEvent(msg *message) (*runtimev1.TopicEventRequest, error) {
	out := &runtimev1.TopicEventRequest{
		Id: msg.text(pubsub.IDField), Source: msg.text(pubsub.SourceField), Type: msg.text(pubsub.TypeField),
		SpecVersion: msg.text(pubsub.SpecVersionField), DataContentType: msg.text(pubsub.DataContentTypeField),
		Topic: msg.Topic, PubsubName: msg.PubSub, Path: msg.Path,
	}
	var err error
	if out.Data, err = eventData(msg.Event, out.DataContentType); err != nil {
		return nil, err
	}
	extensions := make(map[string]any)
	for k, v := range msg.Event {
		if !ownFields[k] {
			extensions[k] = v
		}
	}
	// By way of JSON, as daprd: an extension may be of any type.
	text, err := json.Marshal(extensions)
	if err != nil {
		return nil, fmt.Errorf("write the event's extensions: %w", err)
	}
	out.Extensions = &structpb.Struct{}
	if err := protojson.Unmarshal(text, out.Extensions); err != nil {
		return nil, fmt.Errorf("write the event's extensions: %w", err)
	}
	return out, nil
}

// eventData gives the bytes of an event's data.
func eventData(event map[string]any, contentType string) ([]byte, error) {
	switch encoded := event[pubsub.DataBase64Field].(type) {
	case nil:
	case string:
		data, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("data_base64 of the event: %w", err)
		}
		return data, nil
	default:
		return nil, fmt.Errorf("data_base64 of the event is %T, not a string", encoded)
	}
	data := event[pubsub.DataField]
	if data == nil {
		return nil, nil
	}
	if contenttype.IsJSONContentType(contentType) || contenttype.IsCloudEventContentType(contentType) {
		return json.Marshal(data)
	}
	switch v := data.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	}
	if contenttype.IsStringContentType(contentType) {
		return nil, fmt.Errorf("the data of an event of type %s is no text", contentType)
	}
	return nil, nil
}
