package daprapi

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"

	"github.com/dapr/dapr/pkg/messages/errorcodes"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/subscriptions"
)

// labels are what a function has told of itself by the metadata API.
type labels struct {
	mu sync.RWMutex
	m  map[string]string
}

func (l *labels) set(key, value string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(key)+len(value) > maxLabel {
		return universal(codes.ResourceExhausted, http.StatusInsufficientStorage, errorcodes.CommonGeneric,
			fmt.Sprintf("the label is not kept: it has %d bytes with its value, and %d are the limit", len(key)+len(value), maxLabel))
	}
	if _, known := l.m[key]; !known && len(l.m) >= maxLabels {
		return universal(codes.ResourceExhausted, http.StatusInsufficientStorage, errorcodes.CommonGeneric,
			fmt.Sprintf("the label %s is not kept: a function has at most %d", key, maxLabels))
	}
	if l.m == nil {
		l.m = make(map[string]string)
	}
	l.m[key] = value
	return nil
}

// all gives a copy with room for one more.
func (l *labels) all() map[string]string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	m := make(map[string]string, len(l.m)+1)
	maps.Copy(m, l.m)
	return m
}

// labelVersion is the label under which daprd tells its version.
const labelVersion = "daprRuntimeVersion"

// maxLabels bounds what one function may have the engine keep, and maxLabel
// each with its value, in bytes.
const (
	maxLabels = 1000
	maxLabel  = 4 << 10
)

// visibleInfos describes the components that a function sees.
func (c *caller) visibleInfos(all []components.Info) []components.Info {
	var infos []components.Info
	for _, i := range all {
		_, isState := c.states[i.Name]
		_, isPubSub := c.pubsubs[i.Name]
		_, isSecrets := c.secrets[i.Name]
		if isState || isPubSub || isSecrets || c.bindings[i.Name] {
			infos = append(infos, i)
		}
	}
	return infos
}

// active are the caller's subscriptions.
func (c *caller) active() []subscriptions.Subscription {
	if c.api.topics == nil {
		return nil
	}
	var own []subscriptions.Subscription
	for _, s := range c.api.topics.Active() {
		if s.Function.Service == c.function.Service {
			own = append(own, s)
		}
	}
	return own
}

// extended are the caller's labels, with the version.
func (c *caller) extended() map[string]string {
	m := c.labels.all()
	m[labelVersion] = c.api.version
	return m
}

// appProtocol and appAddress are how functions are reached.
const (
	appProtocol = "http"
	appAddress  = "127.0.0.1"
)

// GetMetadata of the gRPC API: what the caller is, sees and takes.
func (front) GetMetadata(ctx context.Context, _ *runtimev1.GetMetadataRequest) (*runtimev1.GetMetadataResponse, error) {
	c := callerOf(ctx)
	resp := &runtimev1.GetMetadataResponse{
		Id: c.appID(), RuntimeVersion: c.api.version, ExtendedMetadata: c.extended(),
		AppConnectionProperties: &runtimev1.AppConnectionProperties{
			Protocol: appProtocol, ChannelAddress: appAddress, MaxConcurrency: int32(c.function.Concurrency),
		},
		ActorRuntime: &runtimev1.ActorRuntime{RuntimeStatus: runtimev1.ActorRuntime_DISABLED},
	}
	for _, i := range c.infos {
		resp.RegisteredComponents = append(resp.RegisteredComponents, &runtimev1.RegisteredComponents{
			Name: i.Name, Type: i.Type, Version: i.Version, Capabilities: i.Capabilities,
		})
	}
	for _, s := range c.active() {
		sub := &runtimev1.PubsubSubscription{
			PubsubName: s.PubSub, Topic: s.Topic, Metadata: s.Metadata, DeadLetterTopic: s.DeadLetterTopic,
			Rules: &runtimev1.PubsubSubscriptionRules{},
			Type:  runtimev1.PubsubSubscriptionType(runtimev1.PubsubSubscriptionType_value[s.Type]),
		}
		for _, r := range s.Rules {
			sub.Rules.Rules = append(sub.Rules.Rules, &runtimev1.PubsubSubscriptionRule{Match: r.Match, Path: r.Path})
		}
		resp.Subscriptions = append(resp.Subscriptions, sub)
	}
	return resp, nil
}

// SetMetadata of the gRPC API: a label that GetMetadata tells.
func (front) SetMetadata(ctx context.Context, in *runtimev1.SetMetadataRequest) (*emptypb.Empty, error) {
	if err := callerOf(ctx).label(in.GetKey(), in.GetValue()); err != nil {
		return nil, err
	}
	return empty, nil
}

// label keeps a label; none without a key.
func (c *caller) label(key, value string) error {
	if key == "" {
		return nil
	}
	return c.labels.set(key, value)
}

// metadataAnswer is the metadata as HTTP has it.
type metadataAnswer struct {
	ID             string               `json:"id,omitempty"`
	RuntimeVersion string               `json:"runtimeVersion,omitempty"`
	Components     []metadataComponent  `json:"components,omitempty"`
	Extended       map[string]string    `json:"extended,omitempty"`
	Subscriptions  []metadataSubscribed `json:"subscriptions,omitempty"`
	AppConnection  metadataConnection   `json:"appConnectionProperties"`
	ActorRuntime   metadataActors       `json:"actorRuntime"`
}

type metadataComponent struct {
	Name         string   `json:"name,omitempty"`
	Type         string   `json:"type,omitempty"`
	Version      string   `json:"version,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
}

type metadataSubscribed struct {
	PubSub          string            `json:"pubsubname"`
	Topic           string            `json:"topic"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	Rules           []metadataRule    `json:"rules,omitempty"`
	DeadLetterTopic string            `json:"deadLetterTopic"`
	Type            string            `json:"type"`
}

type metadataRule struct {
	Match string `json:"match,omitempty"`
	Path  string `json:"path,omitempty"`
}

type metadataConnection struct {
	Protocol       string `json:"protocol,omitempty"`
	ChannelAddress string `json:"channelAddress,omitempty"`
	MaxConcurrency int    `json:"maxConcurrency,omitempty"`
}

type metadataActors struct {
	Status    string `json:"runtimeStatus"`
	HostReady bool   `json:"hostReady"`
}

func (c *caller) httpGetMetadata(w http.ResponseWriter, _ *http.Request) error {
	answer := metadataAnswer{
		ID: c.appID(), RuntimeVersion: c.api.version, Extended: c.extended(),
		AppConnection: metadataConnection{Protocol: appProtocol, ChannelAddress: appAddress, MaxConcurrency: c.function.Concurrency},
		ActorRuntime:  metadataActors{Status: runtimev1.ActorRuntime_DISABLED.String()},
	}
	for _, i := range c.infos {
		answer.Components = append(answer.Components, metadataComponent(i))
	}
	for _, s := range c.active() {
		sub := metadataSubscribed{PubSub: s.PubSub, Topic: s.Topic, Metadata: s.Metadata, DeadLetterTopic: s.DeadLetterTopic, Type: s.Type}
		for _, r := range s.Rules {
			sub.Rules = append(sub.Rules, metadataRule(r))
		}
		answer.Subscriptions = append(answer.Subscriptions, sub)
	}
	return answerJSON(w, answer)
}

func (c *caller) httpSetMetadata(w http.ResponseWriter, r *http.Request, key string) error {
	value, err := io.ReadAll(r.Body)
	if err != nil {
		return unreadable(err)
	}
	if err := c.label(key, string(value)); err != nil {
		return err
	}
	return answerEmpty(w)
}
