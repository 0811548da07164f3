package components

import (
	"context"
	"log/slog"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/bindings/smtp"
	"github.com/dapr/kit/logger"
)

// mailer is bindings.smtp for many callers at once. The component writes the
// metadata of a request over its own (components-contrib v1.18.1,
// bindings/smtp/smtp.go, mergeWithRequestMetadata): two mails sent at the same
// time could go to each other's addresses, and a mail would inherit the copies
// of the one before. So each mail has an instance of its own, which costs less
// than its connection.
type mailer struct {
	*smtp.Mailer
	meta bindings.Metadata
}

var quiet = &bridge{log: slog.New(slog.DiscardHandler)}

func newMailer(log logger.Logger) bindings.OutputBinding {
	return &mailer{Mailer: smtp.NewSMTP(log).(*smtp.Mailer)}
}

// Init checks the metadata, and warns of what is odd about it.
func (m *mailer) Init(ctx context.Context, meta bindings.Metadata) error {
	m.meta = meta
	return m.Mailer.Init(ctx, meta)
}

// Invoke sends a mail.
func (m *mailer) Invoke(ctx context.Context, req *bindings.InvokeRequest) (*bindings.InvokeResponse, error) {
	one := smtp.NewSMTP(quiet)
	if err := one.Init(ctx, m.meta); err != nil {
		return nil, err
	}
	return one.Invoke(ctx, req)
}
