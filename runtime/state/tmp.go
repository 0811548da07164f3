package state

import (
	_ "github.com/dapr/go-sdk/client"
	_ "google.golang.org/grpc"
	_ "google.golang.org/grpc/test/bufconn"
	_ "google.golang.org/protobuf/proto"
	_ "github.com/dapr/dapr/pkg/proto/runtime/v1"
)
