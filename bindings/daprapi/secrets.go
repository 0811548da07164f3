package daprapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
)

// secretStore finds a secret store that the caller sees.
func (c *caller) secretStore(name string) (secretstores.SecretStore, error) {
	if s := c.secrets[name]; s != nil {
		return s.Store, nil
	}
	if len(c.secrets) == 0 {
		return nil, universal(codes.FailedPrecondition, http.StatusInternalServerError, errorcodes.SecretStoreNotConfigured,
			fmt.Sprintf("secret store is not configured: the function %s sees no secret store; declare one among the components of the mesh, with scopes that do not leave the function out", c.function.Name))
	}
	// 401 is daprd's.
	return nil, universal(codes.InvalidArgument, http.StatusUnauthorized, errorcodes.SecretStoreNotFound,
		fmt.Sprintf("failed finding secret store with key %s: declare it among the components of the mesh, with scopes that do not leave the function out", name))
}

// secret reads one secret.
func (c *caller) secret(ctx context.Context, store, key string, meta map[string]string) (map[string]string, error) {
	s, err := c.secretStore(store)
	if err != nil {
		return nil, err
	}
	resp, err := s.GetSecret(ctx, secretstores.GetSecretRequest{Name: key, Metadata: meta})
	if err != nil {
		return nil, universal(codes.Internal, http.StatusInternalServerError, errorcodes.SecretGet,
			fmt.Sprintf("failed getting secret with key %s from secret store %s: %s", key, store, err.Error()))
	}
	return resp.Data, nil
}

// allSecrets reads all of a store.
func (c *caller) allSecrets(ctx context.Context, store string, meta map[string]string) (map[string]map[string]string, error) {
	s, err := c.secretStore(store)
	if err != nil {
		return nil, err
	}
	resp, err := s.BulkGetSecret(ctx, secretstores.BulkGetSecretRequest{Metadata: meta})
	if err != nil {
		return nil, universal(codes.Internal, http.StatusInternalServerError, errorcodes.SecretGet,
			fmt.Sprintf("failed getting secrets from secret store %s: %v", store, err))
	}
	return resp.Data, nil
}

// GetSecret of the gRPC API.
func (front) GetSecret(ctx context.Context, in *runtimev1.GetSecretRequest) (*runtimev1.GetSecretResponse, error) {
	data, err := callerOf(ctx).secret(ctx, in.GetStoreName(), in.GetKey(), in.GetMetadata())
	if err != nil {
		return nil, err
	}
	return &runtimev1.GetSecretResponse{Data: data}, nil
}

// GetBulkSecret of the gRPC API.
func (front) GetBulkSecret(ctx context.Context, in *runtimev1.GetBulkSecretRequest) (*runtimev1.GetBulkSecretResponse, error) {
	all, err := callerOf(ctx).allSecrets(ctx, in.GetStoreName(), in.GetMetadata())
	if err != nil {
		return nil, err
	}
	resp := &runtimev1.GetBulkSecretResponse{Data: make(map[string]*runtimev1.SecretResponse, len(all))}
	for key, secrets := range all {
		resp.Data[key] = &runtimev1.SecretResponse{Secrets: secrets}
	}
	return resp, nil
}

func (c *caller) httpGetSecret(w http.ResponseWriter, r *http.Request, store, key string) error {
	data, err := c.secret(r.Context(), store, key, metadataOf(r))
	switch {
	case err != nil:
		return err
	case data == nil:
		return answerEmpty(w)
	}
	return answerJSON(w, data)
}

func (c *caller) httpBulkSecrets(w http.ResponseWriter, r *http.Request, store string) error {
	all, err := c.allSecrets(r.Context(), store, metadataOf(r))
	switch {
	case err != nil:
		return err
	case all == nil:
		return answerEmpty(w)
	}
	return answerJSON(w, all)
}
