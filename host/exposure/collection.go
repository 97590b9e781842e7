package exposure

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// The bounds of what a declared collection says.
const (
	// MaxPath is the length limit of a path as it is written, in bytes.
	MaxPath = 256
	// MaxConditions is the most conditions of a filter, MaxValues the most
	// values of one, and MaxValue the length limit of a value's JSON text, in
	// bytes.
	MaxConditions = 16
	MaxValues     = 100
	MaxValue      = 1024
)

// ParseSort reads an order: the path of the member to sort by, with a "-"
// before it for the other way round; "" and "-" sort by id. Dots separate the
// names of a path; a backslash makes a dot, a minus or a backslash after it a
// part of a name. The error says what is wrong.
func ParseSort(text string) (Sort, error) {
	path, descending := strings.CutPrefix(text, "-")
	if path == "" {
		return Sort{Descending: descending}, nil
	}
	names, err := parsePath(path)
	return Sort{Path: names, Descending: descending}, err
}

// ParseCondition reads what a value must have at a path, which is written as
// for ParseSort: a string, a number, true, false or null, or an array of those
// that pass, as JSON text. The error says what is wrong; see Check for what
// the values refer to.
func ParseCondition(path string, valueJSON []byte) (Condition, error) {
	names, err := parsePath(path)
	if err != nil {
		return Condition{}, err
	}
	values, err := parseValues(valueJSON)
	return Condition{Path: names, Values: values}, err
}

func parseValues(text []byte) (values [][]byte, err error) {
	if !protocol.Valid(text) {
		return nil, errors.New("the value is not JSON")
	}
	if !protocol.IsArray(text) {
		values = append(values, protocol.TrimSpace(text))
	}
	protocol.EachElement(text, func(element []byte) bool {
		values = append(values, element)
		return len(values) <= MaxValues
	})
	if len(values) == 0 || len(values) > MaxValues {
		return nil, fmt.Errorf("a list of values has 1 to %d of them", MaxValues)
	}
	for _, v := range values {
		if protocol.IsObject(v) || protocol.IsArray(v) {
			return nil, errors.New("a value is a string, a number, true, false or null")
		}
		if len(v) > MaxValue {
			return nil, fmt.Errorf("a value has at most %d bytes, this one has %d", MaxValue, len(v))
		}
	}
	return values, nil
}

func parsePath(text string) (names []string, err error) {
	if len(text) > MaxPath {
		return nil, fmt.Errorf("a path has at most %d bytes, this one has %d", MaxPath, len(text))
	}
	var name []byte
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == '.':
			if len(name) == 0 {
				return nil, errors.New("a path is names of members with dots between them; one is empty")
			}
			names, name = append(names, string(name)), name[:0]
		case text[i] == '\\':
			if i++; i == len(text) || strings.IndexByte(`.-\`, text[i]) < 0 {
				return nil, errors.New("in a path a backslash stands before a dot, a minus or a backslash")
			}
			name = append(name, text[i])
		default:
			name = append(name, text[i])
		}
	}
	return names, nil
}

// Check says what is wrong with what a condition's values refer to: groups that
// the expression of the collection's pattern does not have.
func (c Condition) Check(of Pattern) error {
	for _, v := range c.Values {
		if text, ok := protocol.Text(v); ok {
			if _, err := of.Template(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check says what is wrong with a collection as a whole.
func (c *Collection) Check() error {
	if c.Limit < 1 || c.Limit > MaxCollection {
		return fmt.Errorf("the limit is %d, not 1 to %d", c.Limit, MaxCollection)
	}
	if len(c.Filter) > MaxConditions {
		return fmt.Errorf("the filter has %d conditions, more than %d", len(c.Filter), MaxConditions)
	}
	if c.Resolver != "" && (len(c.Filter) > 0 || len(c.Sort.Path) > 0) {
		return errors.New("what a resolver answers is neither filtered nor sorted")
	}
	for _, condition := range c.Filter {
		if err := condition.Check(c.Pattern); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(condition.Path, "."), err)
		}
	}
	return nil
}
