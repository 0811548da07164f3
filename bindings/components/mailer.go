package components

import (
	"context"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/bindings/smtp"
	"github.com/dapr/kit/logger"
)

// mailer is bindings.smtp for many callers at once. The component writes the
// metadata of a request over its own (components-contrib v1.18.1,
// bindings/smtp/smtp.go, mergeWithRequestMetadata): two mails sent at the same
// time could go to each other's addresses, and a mail would inherit the copies
// of the one before. So each mail has a copy of the component, whose metadata is
// a plain value in it.
type mailer struct{ *smtp.Mailer }

func newMailer(log logger.Logger) bindings.OutputBinding {
	return mailer{smtp.NewSMTP(log).(*smtp.Mailer)}
}

// Invoke sends a mail.
func (m mailer) Invoke(ctx context.Context, req *bindings.InvokeRequest) (*bindings.InvokeResponse, error) {
	one := *m.Mailer
	return one.Invoke(ctx, req)
}
