package v1beta1

import (
	runtime "k8s.io/apimachinery/pkg/runtime"
)

// TriggerType names what calls a function from outside the mesh.
// +kubebuilder:validation:Enum=http;cron;pubsub;binding;postgres;file;queue;rpc
type TriggerType string

// The trigger types.
const (
	TriggerHTTP     TriggerType = "http"
	TriggerCron     TriggerType = "cron"
	TriggerPubSub   TriggerType = "pubsub"
	TriggerBinding  TriggerType = "binding"
	TriggerPostgres TriggerType = "postgres"
	TriggerFile     TriggerType = "file"
	TriggerQueue    TriggerType = "queue"
	TriggerRPC      TriggerType = "rpc"
)

// TriggerTypes lists every trigger type, in the order of the documentation.
var TriggerTypes = []TriggerType{
	TriggerHTTP, TriggerCron, TriggerPubSub, TriggerBinding,
	TriggerPostgres, TriggerFile, TriggerQueue, TriggerRPC,
}

// Trigger calls a function from outside the mesh. Which fields count depends
// on the type; a field of another type is an error.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.port) || self.type == 'http'`,message="port belongs to triggers of type http; remove it, or change the type",fieldPath=".port"
// +kubebuilder:validation:XValidation:rule=`!has(self.path) || self.path == "" || self.type in ['http', 'queue', 'file']`,message="path belongs to triggers of type http, queue, file; remove it, or change the type",fieldPath=".path"
// +kubebuilder:validation:XValidation:rule=`!has(self.methods) || self.type == 'http'`,message="methods belongs to triggers of type http; remove it, or change the type",fieldPath=".methods"
// +kubebuilder:validation:XValidation:rule=`!has(self.hosts) || self.type == 'http'`,message="hosts belongs to triggers of type http; remove it, or change the type",fieldPath=".hosts"
// +kubebuilder:validation:XValidation:rule=`!has(self.auth) || self.type in ['http', 'queue']`,message="auth belongs to triggers of type http, queue; remove it, or change the type",fieldPath=".auth"
// +kubebuilder:validation:XValidation:rule=`!has(self.rateLimit) || self.type in ['http', 'queue']`,message="rateLimit belongs to triggers of type http, queue; remove it, or change the type",fieldPath=".rateLimit"
// +kubebuilder:validation:XValidation:rule=`!has(self.schedule) || self.schedule == "" || self.type == 'cron'`,message="schedule belongs to triggers of type cron; remove it, or change the type",fieldPath=".schedule"
// +kubebuilder:validation:XValidation:rule=`!has(self.timeZone) || self.timeZone == "" || self.type == 'cron'`,message="timeZone belongs to triggers of type cron; remove it, or change the type",fieldPath=".timeZone"
// +kubebuilder:validation:XValidation:rule=`!has(self.missed) || self.type == 'cron'`,message="missed belongs to triggers of type cron; remove it, or change the type",fieldPath=".missed"
// +kubebuilder:validation:XValidation:rule=`!has(self.component) || self.component == "" || self.type in ['pubsub', 'binding']`,message="component belongs to triggers of type pubsub, binding; remove it, or change the type",fieldPath=".component"
// +kubebuilder:validation:XValidation:rule=`!has(self.topic) || self.topic == "" || self.type == 'pubsub'`,message="topic belongs to triggers of type pubsub; remove it, or change the type",fieldPath=".topic"
// +kubebuilder:validation:XValidation:rule=`!has(self.connection) || self.connection == "" || self.type == 'postgres'`,message="connection belongs to triggers of type postgres; remove it, or change the type",fieldPath=".connection"
// +kubebuilder:validation:XValidation:rule=`!has(self.tables) || self.tables.size() == 0 || self.type == 'postgres'`,message="tables belongs to triggers of type postgres; remove it, or change the type",fieldPath=".tables"
// +kubebuilder:validation:XValidation:rule=`!has(self.operations) || self.type == 'postgres'`,message="operations belongs to triggers of type postgres; remove it, or change the type",fieldPath=".operations"
// +kubebuilder:validation:XValidation:rule=`!has(self.slot) || self.slot == "" || self.type == 'postgres'`,message="slot belongs to triggers of type postgres; remove it, or change the type",fieldPath=".slot"
// +kubebuilder:validation:XValidation:rule=`!has(self.pattern) || self.pattern == "" || self.type == 'file'`,message="pattern belongs to triggers of type file; remove it, or change the type",fieldPath=".pattern"
// +kubebuilder:validation:XValidation:rule=`!has(self.service) || self.service == "" || self.type == 'rpc'`,message="service belongs to triggers of type rpc; remove it, or change the type",fieldPath=".service"
// +kubebuilder:validation:XValidation:rule=`!has(self.__function__) || self.__function__ == "" || self.type == 'rpc'`,message="function belongs to triggers of type rpc; remove it, or change the type",fieldPath=".function"
// +kubebuilder:validation:XValidation:rule=`self.type != 'cron' || has(self.schedule) && self.schedule.size() > 0`,message="give a cron expression, such as */5 * * * *",fieldPath=".schedule"
// +kubebuilder:validation:XValidation:rule=`self.type != 'pubsub' || has(self.topic) && self.topic.size() > 0`,message="name the topic",fieldPath=".topic"
// +kubebuilder:validation:XValidation:rule=`self.type != 'binding' || has(self.component) && self.component.size() > 0`,message="name the input binding",fieldPath=".component"
// +kubebuilder:validation:XValidation:rule=`self.type != 'postgres' || has(self.connection) && self.connection.size() > 0`,message="name the component of the database",fieldPath=".connection"
// +kubebuilder:validation:XValidation:rule=`self.type != 'postgres' || has(self.tables) && self.tables.size() > 0`,message="name the tables, as schema.table",fieldPath=".tables"
// +kubebuilder:validation:XValidation:rule=`self.type != 'file' || has(self.path) && self.path.size() > 0`,message="name the directory to watch",fieldPath=".path"
// +kubebuilder:validation:XValidation:rule=`!has(self.port) || !(self.port in [8012, 8013, 8022, 9090, 9091])`,message="8012, 8013, 8022, 9090 and 9091 are taken by Knative's queue-proxy; choose another, such as 8080",fieldPath=".port"
// +kubebuilder:validation:XValidation:rule=`!has(self.path) || self.path == "" || !(self.type in ['http', 'queue']) || self.path.startsWith('/')`,message="path does not begin with /",fieldPath=".path"
type Trigger struct {
	// Type says what calls the function.
	Type TriggerType `json:"type"`

	// Port is the container's; the local engine chooses ports itself.
	// Type http.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port *int32 `json:"port,omitempty"`
	// Path of the route, /<kebab-name> by default; {name} matches one segment
	// and a trailing slash everything below. For type file the directory,
	// relative to the mesh file. Types http, queue and file.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Path string `json:"path,omitempty"`
	// Methods of the route; all by default. Type http.
	// +kubebuilder:validation:MaxItems=50
	// +optional
	// +listType=set
	Methods []string `json:"methods,omitempty"`
	// Hosts of the route; all by default. Type http.
	// +kubebuilder:validation:MaxItems=50
	// +optional
	// +listType=set
	Hosts []string `json:"hosts,omitempty"`
	// Events lets CloudEvents from outside reach the function, in any mode,
	// and its answer the sender; otherwise only the engine sends events. Not
	// for a function whose outputs are linked. Type http.
	// +optional
	Events bool `json:"events,omitempty"`
	// Auth says who may use the route. Types http and queue.
	// +optional
	Auth *Auth `json:"auth,omitempty"`
	// RateLimit bounds the use of the route. Types http and queue.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
	// Schema is the JSON Schema that a request's body must satisfy. Types
	// http and queue.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +optional
	Schema *runtime.RawExtension `json:"schema,omitempty"`

	// Schedule is a cron expression of five fields, or @every, @hourly and
	// the like. Type cron.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Schedule string `json:"schedule,omitempty"`
	// TimeZone of the schedule, UTC by default. Type cron.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// Missed says what happens to ticks that fell into a standstill: skip
	// (default), or once for all of them. Type cron.
	// +kubebuilder:validation:Enum=skip;once
	// +optional
	Missed string `json:"missed,omitempty"`

	// Component names a Dapr component: the broker of type pubsub, the input
	// binding of type binding.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Component string `json:"component,omitempty"`
	// Topic to subscribe to. Type pubsub.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Topic string `json:"topic,omitempty"`

	// Connection of the database: a component's name. Type postgres.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Connection string `json:"connection,omitempty"`
	// Tables whose changes trigger, schema.table. Type postgres.
	// +kubebuilder:validation:MaxItems=50
	// +optional
	// +listType=set
	Tables []string `json:"tables,omitempty"`
	// Operations among insert, update, delete; all by default. Type postgres.
	// +kubebuilder:validation:items:Enum=insert;update;delete
	// +kubebuilder:validation:MaxItems=50
	// +optional
	// +listType=set
	Operations []string `json:"operations,omitempty"`
	// Slot of the replication, weft_<mesh>_<function> by default. Type
	// postgres.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Slot string `json:"slot,omitempty"`

	// Pattern of file names, * by default. Type file.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Pattern string `json:"pattern,omitempty"`

	// Service under which the function is called, the mesh's name by
	// default. Type rpc.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Service string `json:"service,omitempty"`
	// Function is the name under which the function is called. Type rpc.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Function string `json:"function,omitempty"`
}

// Auth says who may use a route. The gateway grants nothing that is not
// declared here.
//
// +kubebuilder:validation:XValidation:rule=`has(self.jwt) || has(self.apiKey) || has(self.allow) && self.allow != ""`,message="declare jwt, apiKey or allow, or leave auth out"
type Auth struct {
	// JWT asks for a bearer token (RFC 6750, RFC 7519).
	// +optional
	JWT *JWTAuth `json:"jwt,omitempty"`
	// APIKey asks for a key in a header.
	// +optional
	APIKey *APIKeyAuth `json:"apiKey,omitempty"`
	// Allow is a CEL expression over auth (the claims) and request (method,
	// path, headers) that must be true.
	// +optional
	Allow string `json:"allow,omitempty"`
}

// JWTAuth accepts signed tokens.
//
// +kubebuilder:validation:XValidation:rule=`has(self.issuer) && self.issuer != "" || has(self.jwks) && self.jwks != "" || has(self.secret)`,message="name the issuer, the jwks or the secret that tokens are checked with"
// +kubebuilder:validation:XValidation:rule=`!has(self.secret) || !has(self.jwks) || self.jwks == ""`,message="secret stands beside jwks; keep one of them"
type JWTAuth struct {
	// Issuer whose discovery document names the keys (OpenID Connect
	// Discovery 1.0), and that iss must equal.
	// +optional
	Issuer string `json:"issuer,omitempty"`
	// JWKS is the address of a key set.
	// +optional
	JWKS string `json:"jwks,omitempty"`
	// Secret of HS256.
	// +optional
	Secret *SecretKeyRef `json:"secret,omitempty"`
	// Audience that aud must hold.
	// +optional
	Audience string `json:"audience,omitempty"`
	// Algorithms accepted, RS256 and ES256 by default, or HS256 with a
	// secret.
	// +kubebuilder:validation:MaxItems=50
	// +optional
	// +listType=set
	Algorithms []string `json:"algorithms,omitempty"`
}

// APIKeyAuth accepts keys of a secret.
type APIKeyAuth struct {
	// Header that holds the key, X-Api-Key by default.
	// +optional
	Header string `json:"header,omitempty"`
	// Secret whose every key is a caller's name and every value a key.
	Secret SecretKeyRef `json:"secret"`
}

// RateLimit bounds the use of a route.
type RateLimit struct {
	// Requests allowed per period.
	// +kubebuilder:validation:Minimum=1
	Requests int32 `json:"requests"`
	// Per is second (default), minute or hour.
	// +kubebuilder:validation:Enum=second;minute;hour
	// +optional
	Per string `json:"per,omitempty"`
	// Burst beyond the steady rate; requests by default.
	// +kubebuilder:validation:Minimum=1
	// +optional
	Burst *int32 `json:"burst,omitempty"`
	// By is caller (default: the authenticated subject, else the address) or
	// route.
	// +kubebuilder:validation:Enum=caller;route
	// +optional
	By string `json:"by,omitempty"`
}
