package v1beta1

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cronField is one of the five fields of a cron expression.
type cronField struct {
	name        string
	least, most int
	// names that stand for numbers, from least.
	names []string
}

var cronFields = []cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

var cronWords = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// checkSchedule says what is wrong with a cron expression: five fields as in
// crontab(5), or @every with a duration, or a word such as @hourly.
func checkSchedule(s string) error {
	if every, ok := strings.CutPrefix(s, "@every "); ok {
		d, err := time.ParseDuration(strings.TrimSpace(every))
		if err != nil || d < time.Second {
			return errors.New("is not an interval of a second or more; write it as @every 5m")
		}
		return nil
	}
	if strings.HasPrefix(s, "@") {
		if !slices.Contains(cronWords, s) {
			return fmt.Errorf("is not one of @every, %s", strings.Join(cronWords, ", "))
		}
		return nil
	}
	parts := strings.Fields(s)
	if len(parts) != len(cronFields) {
		return fmt.Errorf("has %d fields, not 5: minute, hour, day of month, month, day of week", len(parts))
	}
	for i, part := range parts {
		for _, item := range strings.Split(part, ",") {
			if err := cronFields[i].check(item); err != nil {
				return fmt.Errorf("has %q for the %s: %w", part, cronFields[i].name, err)
			}
		}
	}
	return nil
}

// check takes one item of a field: *, 5, 1-5, each with a step /2.
func (f cronField) check(item string) error {
	span, step, stepped := strings.Cut(item, "/")
	if stepped {
		if n, err := strconv.Atoi(step); err != nil || n < 1 {
			return fmt.Errorf("the step %q is not a number above 0", step)
		}
	}
	if span == "*" || span == "?" {
		return nil
	}
	from, to, ranged := strings.Cut(span, "-")
	low, err := f.number(from)
	if err != nil || !ranged {
		return err
	}
	high, err := f.number(to)
	if err == nil && low > high {
		err = fmt.Errorf("%s is after %s", from, to)
	}
	return err
}

func (f cronField) number(s string) (int, error) {
	if i := slices.Index(f.names, strings.ToLower(s)); i >= 0 {
		return f.least + i, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < f.least || n > f.most {
		return 0, fmt.Errorf("%q is not between %d and %d", s, f.least, f.most)
	}
	return n, nil
}
