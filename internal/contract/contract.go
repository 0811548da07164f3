// Package contract names what an engine and a function agree on: environment,
// headers, paths and CloudEvents extensions. It is a leaf: the runtime and the
// engines import it, and it imports nothing.
package contract

// Environment of a function (the Knative runtime contract, and Weft's).
const (
	EnvPort          = "PORT"
	EnvService       = "K_SERVICE"
	EnvRevision      = "K_REVISION"
	EnvConfiguration = "K_CONFIGURATION"
	// EnvSink is a URL that holds the function's own token as its last path
	// segment; any CloudEvents sender can post to it (SinkBinding's
	// convention).
	EnvSink = "K_SINK"
	// EnvTarget is the name of the function as the mesh file writes it.
	EnvTarget = "FUNCTION_TARGET"
	// EnvTimeout bounds one call, as a Go duration.
	EnvTimeout = "WEFT_TIMEOUT"
	// EnvMaxBody bounds the body of a request to a function, in bytes.
	EnvMaxBody = "WEFT_MAX_BODY"
	// EnvGrace bounds how long a function finishes its calls after SIGTERM, as
	// a Go duration.
	EnvGrace = "WEFT_GRACE"
	// EnvReadyFD is the number of a pipe that the engine reads: a host writes a
	// byte to it as soon as it takes calls, and closes it. It is set for
	// programs that the engine has built and runs itself. Others, and hosts that
	// do not tell, are found ready by asking.
	EnvReadyFD = "WEFT_READY_FD"
	// EnvLogLevel is debug, info, warn or error.
	EnvLogLevel = "LOG_LEVEL"
	// EnvDaprGRPC and EnvDaprHTTP say where the Dapr API is, EnvDaprToken with
	// which token: Dapr's own names, which every Dapr SDK reads.
	EnvDaprGRPC  = "DAPR_GRPC_ENDPOINT"
	EnvDaprHTTP  = "DAPR_HTTP_ENDPOINT"
	EnvDaprToken = "DAPR_API_TOKEN"
	// EnvDaprSocket is the path of a unix socket with the same API as
	// EnvDaprGRPC, where the engine is on the same machine. It is a way that
	// costs less, and may be left alone.
	EnvDaprSocket = "WEFT_DAPR_SOCKET"
	// EnvOTLPEndpoint and EnvOTelService are OpenTelemetry's own.
	EnvOTLPEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	EnvOTelService  = "OTEL_SERVICE_NAME"
)

// HTTP headers between engine and function.
const (
	// HeaderToken proves to the host that a delivery comes from its engine.
	// The value is the last path segment of K_SINK.
	HeaderToken = "Weft-Token"
	// HeaderTraceID is the W3C trace id, 32 hex digits, for handlers that
	// only log it.
	HeaderTraceID = "X-Trace-Id"
	// HeaderTraceParent is W3C Trace Context's.
	HeaderTraceParent = "Traceparent"
	// HeaderTraceState is W3C Trace Context's.
	HeaderTraceState = "Tracestate"
	// HeaderEventID is, on an HTTP-triggered request, the id that the gateway
	// gave it: the Idempotency-Key of the client, or a new one.
	HeaderEventID = "Weft-Event-Id"
	// HeaderEmitted is, on the answer to an HTTP-triggered request, the number
	// of events that the host has put durably into K_SINK: they replace the
	// answer as output. The gateway removes it.
	HeaderEmitted = "Weft-Emitted"
	// HeaderIdempotencyKey is the client's.
	HeaderIdempotencyKey = "Idempotency-Key"
)

// CloudEvents extensions.
const (
	// ExtPrefix begins the names of those that are Weft's own, which only an
	// engine sets: what events from outside say so is left out.
	ExtPrefix = "weft"
	// ExtFrom is the function that an event comes from, as written in the
	// mesh.
	ExtFrom = "weftfrom"
	// ExtLink is the key of the link that an event came by: from->to, and
	// from->to#n for the nth of several links between the same two functions.
	ExtLink = "weftlink"
	// ExtTo addresses an emitted event to one function.
	ExtTo = "weftto"
	// ExtAttempt counts the calls made for an event, this one included.
	ExtAttempt = "weftattempt"
	// ExtHops counts the links that an event and those it came from travelled.
	ExtHops = "wefthops"
	// ExtError is the error of a failed call, on an event whose data is the
	// call's input.
	ExtError = "wefterror"
	// ExtTraceParent and ExtTraceState are the CloudEvents distributed
	// tracing extension.
	ExtTraceParent = "traceparent"
	ExtTraceState  = "tracestate"
)

// Paths of a function's server.
const (
	PathReadiness = "/health/readiness"
	PathLiveness  = "/health/liveness"
)

// Content types.
const (
	TypeEvent      = "application/cloudevents+json"
	TypeEventBatch = "application/cloudevents-batch+json"
	TypeJSON       = "application/json"
)
