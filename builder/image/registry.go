package image

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"github.com/weftmesh/weft/internal/version"
)

// client is what is common to all calls of registries.
type client struct {
	opts []remote.Option
	// parse has how strictly and with which scheme references are read.
	parse []name.Option
	keys  *keychain
	// pulls says that it fetches, for messages.
	pulls bool
}

func newClient(ctx context.Context, o Options) *client {
	c := &client{keys: &keychain{Keychain: authn.DefaultKeychain}}
	if o.Insecure {
		c.parse = append(c.parse, name.Insecure)
	}
	c.opts = []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(c.keys),
		remote.WithUserAgent("weft/" + version.Get().Version),
	}
	return c
}

// push sends images and then moves their tags.
func push(ctx context.Context, items []Item, o Options) error {
	c := newClient(ctx, o)
	pusher, err := remote.NewPusher(c.opts...)
	if err != nil {
		return err
	}
	tags := make([]name.Tag, len(items))
	for i, it := range items {
		if tags[i], err = name.NewTag(it.Ref, c.parse...); err != nil {
			return fmt.Errorf("%q is no reference of an image: write HOST/PATH:TAG", it.Ref)
		}
	}
	sending, sctx := errgroup.WithContext(ctx)
	sending.SetLimit(4)
	for i, it := range items {
		sending.Go(func() error {
			repo := tags[i].Context()
			if err := pusher.Push(sctx, repo.Digest(it.Image.Digest), index{it.Image}); err != nil {
				return c.explain(sctx, repo, err)
			}
			for _, m := range it.Image.manifests {
				img, err := m.sbom.image()
				if err != nil {
					return err
				}
				if err := pusher.Push(sctx, repo.Digest(hashOf(m.sbom.raw).String()), img); err != nil {
					return c.explain(sctx, repo, err)
				}
			}
			if o.Progress != nil {
				o.Progress(it)
			}
			return nil
		})
	}
	if err := sending.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	for i, it := range items {
		if err := pusher.Push(ctx, tags[i], index{it.Image}); err != nil {
			return c.explain(ctx, tags[i].Context(), err)
		}
	}
	return nil
}

// keychain remembers the secrets that it hands out, so that they can be kept
// out of messages.
type keychain struct {
	authn.Keychain
	mu      sync.Mutex
	secrets map[string]bool
}

var _ authn.ContextKeychain = (*keychain)(nil)

func (k *keychain) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	auth, err := authn.Resolve(ctx, k.Keychain, r)
	if err != nil {
		return nil, err
	}
	config, err := authn.Authorization(ctx, auth)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.secrets == nil {
		k.secrets = make(map[string]bool)
	}
	for _, s := range []string{config.Password, config.Auth, config.IdentityToken, config.RegistryToken} {
		if s != "" {
			k.secrets[s] = true
		}
	}
	return auth, nil
}

// found says whether there were any credentials.
func (k *keychain) found() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.secrets) > 0
}

// clean takes secrets out of a message and puts it on one line.
func (k *keychain) clean(s string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for secret := range k.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return strings.Join(strings.Fields(s), " ")
}
