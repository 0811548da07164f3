package contract

import (
	"context"
	"fmt"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

// stream is a streaming subscription of a case.
type stream struct {
	s      *session
	stub   runtimev1.Dapr_SubscribeTopicEventsAlpha1Client
	cancel context.CancelFunc
	last   *runtimev1.TopicEventRequest
}

func (s *session) stream(first *runtimev1.SubscribeTopicEventsRequestAlpha1) *stream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.outgoing(), patience)
	s.t.Cleanup(cancel)
	stub, err := runtimev1.NewDaprClient(s.conn).SubscribeTopicEventsAlpha1(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	st := &stream{s: s, stub: stub, cancel: cancel}
	if err := stub.Send(first); err != nil {
		s.t.Fatal(err)
	}
	st.receive("stream " + protoText(first))
	return st
}

// receive writes down what comes next.
func (st *stream) receive(call string) {
	st.s.t.Helper()
	resp, err := st.stub.Recv()
	if err == nil && resp.GetEventMessage() != nil {
		st.last = resp.GetEventMessage()
	}
	st.s.add(call, grpcText(resp, err))
}

// answer tells what became of the last event.
func (st *stream) answer(status runtimev1.TopicEventResponse_TopicEventResponseStatus) {
	st.s.t.Helper()
	err := st.stub.Send(&runtimev1.SubscribeTopicEventsRequestAlpha1{
		SubscribeTopicEventsRequestType: &runtimev1.SubscribeTopicEventsRequestAlpha1_EventProcessed{
			EventProcessed: &runtimev1.SubscribeTopicEventsRequestProcessedAlpha1{
				Id: st.last.GetId(), Status: &runtimev1.TopicEventResponse{Status: status},
			},
		},
	})
	if err != nil {
		st.s.t.Error(fmt.Errorf("answering an event on the stream: %w", err))
	}
}

func initial(pubsub, topic string, change ...func(*runtimev1.SubscribeTopicEventsRequestInitialAlpha1)) *runtimev1.SubscribeTopicEventsRequestAlpha1 {
	r := &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: pubsub, Topic: topic}
	for _, c := range change {
		c(r)
	}
	return &runtimev1.SubscribeTopicEventsRequestAlpha1{
		SubscribeTopicEventsRequestType: &runtimev1.SubscribeTopicEventsRequestAlpha1_InitialRequest{InitialRequest: r},
	}
}

const (
	success = runtimev1.TopicEventResponse_SUCCESS
	retry   = runtimev1.TopicEventResponse_RETRY
	drop    = runtimev1.TopicEventResponse_DROP
)

// streamCases are about SubscribeTopicEventsAlpha1.
var streamCases = map[string]testCase{
	"events": {
		reason: "events come over the stream, and the next once one is answered",
		run: func(s *session) {
			st := s.stream(initial("bus", "streamed"))
			s.publish("streamed", `{"n":1}`)
			st.receive("event")
			st.answer(success)
			s.http("POST", "/v1.0/publish/bus/streamed", "text", "Content-Type: text/plain")
			st.receive("event")
			st.answer(drop)
			s.http("POST", "/v1.0/publish/bus/streamed", "\x00\xff", "Content-Type: application/octet-stream")
			st.receive("event")
			st.answer(retry)
			s.http("POST", "/v1.0/publish/bus/streamed", `{"specversion":"1.0","id":"given","source":"/me","type":"made","mine":"x","data":{"n":1},"datacontenttype":"application/json"}`, "Content-Type: application/cloudevents+json")
			st.receive("event")
			st.answer(success)
			if err := st.stub.CloseSend(); err != nil {
				s.t.Error(err)
			}
			st.receive("the stream is closed by the application")
		},
	},
	"raw": {
		reason: "raw payload comes in an envelope",
		run: func(s *session) {
			st := s.stream(initial("bus", "streamed-raw", func(r *runtimev1.SubscribeTopicEventsRequestInitialAlpha1) {
				r.Metadata = map[string]string{"rawPayload": "true"}
			}))
			s.http("POST", "/v1.0/publish/bus/streamed-raw?metadata.rawPayload=true", `{"n":1}`, "Content-Type: application/json")
			st.receive("event")
			st.answer(success)
		},
	},
	"dead-letters": {
		reason: "what is dropped or fails goes to the dead-letter topic",
		run: func(s *session) {
			dead := "graveyard"
			st := s.stream(initial("bus", "streamed-buried", func(r *runtimev1.SubscribeTopicEventsRequestInitialAlpha1) {
				r.DeadLetterTopic = &dead
			}))
			for _, status := range []runtimev1.TopicEventResponse_TopicEventResponseStatus{drop, retry} {
				s.publish("streamed-buried", `{"n":1}`)
				st.receive("event")
				st.answer(status)
				s.delivered("/events/graveyard", 1)
			}
		},
	},
	"twice": {
		reason: "two streams for one topic",
		run: func(s *session) {
			s.stream(initial("bus", "streamed-twice"))
			s.stream(initial("bus", "streamed-twice"))
		},
	},
	"refused": {
		reason: "what cannot be subscribed to",
		run: func(s *session) {
			s.stream(initial("nowhere", "a"))
			s.stream(initial("bus", ""))
			s.stream(initial("", "a"))
			s.stream(initial("strict", "other"))
			s.stream(&runtimev1.SubscribeTopicEventsRequestAlpha1{
				SubscribeTopicEventsRequestType: &runtimev1.SubscribeTopicEventsRequestAlpha1_EventProcessed{
					EventProcessed: &runtimev1.SubscribeTopicEventsRequestProcessedAlpha1{Id: "x"},
				},
			})
		},
	},
}
