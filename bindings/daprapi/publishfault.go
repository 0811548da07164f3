package daprapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/dapr/dapr/pkg/messages/errorcodes"
	"google.golang.org/grpc/codes"
)

// pubsubFault is a fault that names a pub/sub component in its details; info
// are the facts of its ErrorInfo.
func pubsubFault(pubsub string, code codes.Code, httpStatus int, e errorcodes.ErrorCode, text string, info map[string]string) *fault {
	return rich(builder(code, httpStatus, e, text).WithResourceInfo("pubsub", pubsub, "", text), e, info)
}

// noPubSub is the fault of a component that the caller does not see, whether or
// not there is one of that name.
func noPubSub(pubsub string, info map[string]string) *fault {
	e := errorcodes.PubSubNotFound
	return rich(builder(codes.InvalidArgument, http.StatusNotFound, e,
		fmt.Sprintf("pubsub %s is not found: declare it among the components of the mesh, with scopes that do not leave the function out", pubsub)), e, info)
}

func noPubSubName(meta map[string]string) *fault {
	return pubsubFault("", codes.InvalidArgument, http.StatusNotFound, errorcodes.PubSubEmpty, "pubsub name is empty", meta)
}

func noTopic(pubsub string, meta map[string]string) *fault {
	return pubsubFault(pubsub, codes.InvalidArgument, http.StatusNotFound, errorcodes.PubSubTopicNameEmpty, "topic is empty in pubsub "+pubsub, meta)
}

func badPubSubMetadata(pubsub string, meta map[string]string, err error) *fault {
	return pubsubFault(pubsub, codes.InvalidArgument, http.StatusBadRequest, errorcodes.PubSubRequestMetadata,
		fmt.Sprintf("failed deserializing metadata. Error: %s", err), meta)
}

// topicForbidden is the fault of a topic that the caller may not publish to: by
// the component's scopes, or as the links of the mesh travel by it.
func (c *caller) topicForbidden(t topic) *fault {
	text := fmt.Sprintf("topic %s is not allowed for app id %s", t.name, c.appID())
	info := map[string]string{"topic": t.name, "error": text}
	if strings.HasPrefix(t.name, linkTopics) {
		text += ": topics that begin with " + linkTopics + " carry the links of the mesh; emit to a link, or name the topic otherwise"
	}
	return pubsubFault(t.pubsub, codes.PermissionDenied, http.StatusForbidden, errorcodes.PubsubForbidden, text, info)
}

// publishFault is the fault of a broker that did not take a message.
func publishFault(t topic, err error) *fault {
	return pubsubFault(t.pubsub, codes.Internal, http.StatusInternalServerError, errorcodes.PubsubPublishMessage,
		fmt.Sprintf("error when publishing to topic %s in pubsub %s: %s", t.name, t.pubsub, err),
		map[string]string{"topic": t.name, "error": err.Error()})
}

func (c *caller) badCloudEvent(t topic, err error) *fault {
	return pubsubFault(t.pubsub, codes.InvalidArgument, http.StatusInternalServerError, errorcodes.PubSubCloudEventsSer,
		"cannot create cloudevent", map[string]string{"appID": c.appID(), "error": err.Error()})
}

func (c *caller) badEnvelope(t topic, err error) *fault {
	return pubsubFault(t.pubsub, codes.InvalidArgument, http.StatusBadRequest, errorcodes.PubSubEventsSerEnvelope,
		fmt.Sprintf("error when marshalling cloud event envelope for topic %s pubsub %s: %s", t.name, t.pubsub, err),
		map[string]string{"appID": c.appID(), "error": err.Error()})
}

func (c *caller) badEntries(t topic, err error) *fault {
	return pubsubFault(t.pubsub, codes.InvalidArgument, http.StatusBadRequest, errorcodes.PubSubEventsMarshalEvents,
		fmt.Sprintf("error marshaling events to bytes for topic %s pubsub %s. error: %s", t.name, t.pubsub, err),
		map[string]string{"appID": c.appID(), "error": err.Error()})
}

func (c *caller) badBulkBody(t topic, err error) *fault {
	return pubsubFault(t.pubsub, codes.InvalidArgument, http.StatusBadRequest, errorcodes.PubSubEventsUnmarshalEvents,
		fmt.Sprintf("error when unmarshaling the request for topic %s pubsub %s: %s", t.name, t.pubsub, err),
		map[string]string{"appID": c.appID()})
}
