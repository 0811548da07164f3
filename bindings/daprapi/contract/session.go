package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // the details of errors
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// patience is how long a call or a delivery may take.
const patience = 20 * time.Second

// service is the gRPC service of the API.
const service = "dapr.proto.runtime.v1.Dapr"

// session makes the calls of one case and writes down their answers.
type session struct {
	t    *testing.T
	ctx  context.Context
	app  *App
	at   Address
	dir  string
	conn *grpc.ClientConn

	steps []step
	words normaliser
}

// step is a call, and what was answered.
type step struct{ call, answer string }

// etags are where answers name one: it is named in the texts before it is used.
var etags = regexp.MustCompile(`(?m)(?:^Etag: |"etag":(?:\{"value":)?")([^"\n]+)`)

func (s *session) add(call, answer string) {
	call, answer = readable(call), readable(answer)
	for _, m := range etags.FindAllStringSubmatch(answer, -1) {
		s.words.etag(m[1])
	}
	s.steps = append(s.steps, step{call: s.words.text(call), answer: s.words.text(strings.TrimRight(answer, "\n"))})
}

// response is an answer over HTTP.
type response struct {
	status int
	header http.Header
	body   string
}

// http makes a request; headers are "Name: value". A Dapr-Api-Token among them
// replaces the right one, an empty one leaves it out.
func (s *session) http(method, path, body string, headers ...string) response {
	s.t.Helper()
	call := method + " " + path
	for _, h := range headers {
		call += "\n" + h
	}
	if len(body) > 1000 {
		call += fmt.Sprintf("\n%s... %d bytes", body[:20], len(body))
	} else if body != "" {
		call += "\n" + body
	}
	r := s.quietly(method, path, body, headers...)
	s.add(call, r.text())
	return r
}

// quietly makes a request that is not written down.
func (s *session) quietly(method, path, body string, headers ...string) response {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.at.HTTP+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Dapr-Api-Token", s.at.Token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return response{body: "no answer"}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		data = append(data, " (cut off)"...)
	}
	return response{status: resp.StatusCode, header: resp.Header, body: string(data)}
}

var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (r response) text() string {
	if r.status == 0 {
		return r.body
	}
	return fmt.Sprintf("%d\n%s%s", r.status, headerText(r.header), jsonText(r.body))
}

// grpc makes a call; pairs are metadata, of which a dapr-api-token replaces the
// right one, an empty one leaves it out.
func (s *session) grpc(method string, in proto.Message, pairs ...string) proto.Message {
	s.t.Helper()
	call := "grpc " + method
	for i := 0; i < len(pairs); i += 2 {
		call += "\n" + pairs[i] + ": " + pairs[i+1]
	}
	if in := protoText(in); len(in) > 1000 {
		call += fmt.Sprintf("\n%s... %d bytes", in[:20], len(in))
	} else if in != "{}" {
		call += "\n" + in
	}
	ctx, cancel := context.WithTimeout(s.outgoing(pairs...), patience)
	defer cancel()
	out := newReply(s.t, method)
	err := s.conn.Invoke(ctx, "/"+service+"/"+method, in, out)
	s.add(call, grpcText(out, err))
	return out
}

// outgoing is a context with the token.
func (s *session) outgoing(pairs ...string) context.Context {
	md := metadata.Pairs("dapr-api-token", s.at.Token)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			md.Delete(pairs[i])
			continue
		}
		md.Set(pairs[i], pairs[i+1])
	}
	return metadata.NewOutgoingContext(s.ctx, md)
}

// grpcText writes a reply or a status with its details.
func grpcText(out proto.Message, err error) string {
	if err == nil {
		return "OK\n" + protoText(out)
	}
	st := status.Convert(err)
	text := fmt.Sprintf("%s: %s", st.Code(), st.Message())
	for _, d := range st.Details() {
		m, ok := d.(proto.Message)
		if !ok {
			text += fmt.Sprintf("\nunreadable detail %v", d)
			continue
		}
		text += fmt.Sprintf("\n%s %s", m.ProtoReflect().Descriptor().Name(), protoText(m))
	}
	return text
}

func protoText(m proto.Message) string {
	if m == nil {
		return ""
	}
	b, err := protojson.Marshal(typed(m))
	if err != nil {
		return err.Error()
	}
	return jsonText(string(b))
}

// typed gives the data of service invocation, an Any whose type may be empty, a
// type as which it can be written.
func typed(m proto.Message) proto.Message {
	of := func(a *anypb.Any) *anypb.Any {
		if a == nil {
			return nil
		}
		boxed, err := anypb.New(wrapperspb.String(strings.ToValidUTF8(string(a.GetValue()), "?")))
		if err != nil {
			return a
		}
		return boxed
	}
	switch m := proto.Clone(m).(type) {
	case *runtimev1.InvokeServiceRequest:
		if m.GetMessage() != nil {
			m.Message.Data = of(m.GetMessage().GetData())
		}
		return m
	case *commonv1.InvokeResponse:
		m.Data = of(m.GetData())
		return m
	default:
		return m
	}
}

// readable writes what is no text as Go would quote it.
func readable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || r != utf8.RuneError && unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// jsonText writes JSON with keys in order; what is none, as it is.
func jsonText(s string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return s
	}
	if _, err := d.Token(); err != io.EOF {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return s
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// methods are those of the service, by name.
func methods() protoreflect.MethodDescriptors {
	return runtimev1.File_dapr_proto_runtime_v1_dapr_proto.Services().ByName("Dapr").Methods()
}

func newReply(t *testing.T, method string) proto.Message {
	t.Helper()
	m := methods().ByName(protoreflect.Name(method))
	if m == nil {
		t.Fatalf("the service has no method %s", method)
	}
	typ, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		t.Fatal(err)
	}
	return typ.New().Interface()
}

// noise are headers that say nothing about the contract: what HTTP itself and
// tracing add.
var noise = []string{"Date", "Content-Length", "Connection", "Accept-Encoding", "User-Agent", "Host", "Vary", "Traceparent", "Tracestate", "Grpc-Trace-Bin"}

func headerText(h http.Header) string {
	var names []string
	for name := range h {
		if !slices.Contains(noise, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		for _, v := range h[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	return b.String()
}

// text writes a request that the application got.
func (r received) text() string {
	return fmt.Sprintf("%s %s\n%s%s", r.method, r.path, headerText(r.headers), jsonText(r.body))
}

// delivered waits for requests to a path of the application and writes them
// down, in the order of their texts if there are several.
func (s *session) delivered(path string, n int) {
	s.t.Helper()
	got := s.app.take(path, n, patience)
	if len(got) < n {
		s.t.Errorf("%d of %d requests came to %s in time", len(got), n, path)
	}
	s.came(path, got)
}

// came writes requests down, in the order of their texts.
func (s *session) came(path string, got []received) {
	s.t.Helper()
	var texts []string
	for _, r := range got {
		texts = append(texts, s.words.text(r.text()))
	}
	slices.Sort(texts)
	s.add("app gets "+path, strings.Join(texts, "\n"))
}

// quiet writes down which of the application's paths got more than was
// expected.
func (s *session) quiet(prefix string) {
	s.t.Helper()
	s.add("app gets nothing more at "+prefix, strings.Join(s.app.left(prefix), "\n"))
}

// elements gives the texts of a list's elements in JSON, in order; what is no
// list is one element.
func elements(body string) []string {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		return []string{jsonText(body)}
	}
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = jsonText(string(e))
	}
	slices.Sort(texts)
	return texts
}

func newRequest(t *testing.T, m protoreflect.MethodDescriptor) proto.Message {
	t.Helper()
	typ, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		t.Fatal(err)
	}
	return typ.New().Interface()
}

// served says whether another case calls a method.
func served(method string) bool {
	switch method {
	case "InvokeService", "GetState", "GetBulkState", "SaveState", "QueryStateAlpha1", "DeleteState", "DeleteBulkState",
		"ExecuteStateTransaction", "PublishEvent", "BulkPublishEvent", "BulkPublishEventAlpha1", "InvokeBinding",
		"GetSecret", "GetBulkSecret", "GetMetadata", "SetMetadata":
		return true
	}
	return false
}
