package v1beta1

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validate holds start and end to what KEDA's cron scaler takes: five fields,
// and not @every, which names no time of the day.
func (c *CronScaling) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, f := range []struct{ name, value string }{{"start", c.Start}, {"end", c.End}} {
		switch at := path.Child(f.name); {
		case f.value == "":
			errs = append(errs, field.Required(at, "write it as 0 8 * * 1-5"))
		case strings.HasPrefix(f.value, "@"):
			errs = append(errs, field.Invalid(at, f.value, "is no time of the day; write it as 0 8 * * 1-5"))
		default:
			if err := checkSchedule(f.value); err != nil {
				errs = append(errs, field.Invalid(at, f.value, err.Error()))
			}
		}
	}
	if c.Start != "" && c.Start == c.End {
		errs = append(errs, field.Invalid(path.Child("end"), c.End, "is start too: nothing lies between them"))
	}
	errs = append(errs, validateTimeZone(path.Child("timeZone"), c.TimeZone)...)
	return append(errs, atLeast(path.Child("replicas"), c.Replicas, 1)...)
}

func (p *PrometheusScaling) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.ServerAddress == "" {
		errs = append(errs, field.Required(path.Child("serverAddress"), "write it as http://prometheus:9090"))
	} else {
		errs = append(errs, httpURL(path.Child("serverAddress"), p.ServerAddress)...)
	}
	if strings.TrimSpace(p.Query) == "" {
		errs = append(errs, field.Required(path.Child("query"), "write a query in PromQL that gives one number"))
	}
	if p.Threshold.Sign() <= 0 {
		errs = append(errs, field.Invalid(path.Child("threshold"), p.Threshold.String(), "is not more than 0"))
	}
	return errs
}
