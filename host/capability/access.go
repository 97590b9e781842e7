package capability

import (
	"context"
	"fmt"
	"slices"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Access is what one version of a plugin may ask of the server: a rule for each
// operation. It is immutable; a nil one is for everything but HTTP.
type Access struct {
	grants  []Grant
	origins *Origins
	// rules are by the operation's place in abi.Operations; nil: no bounds.
	rules []*rule
}

// rule is what a host call is held against: each bound must allow it.
type rule struct {
	operation *abi.Operation
	subject   subject
	bounds    []*bound
}

// NewAccess makes a table of what an operator grants; an empty list grants
// nothing.
func NewAccess(grants []Grant, origins []Origin) (*Access, error) {
	if len(grants) > MaxList || len(origins) > MaxList {
		return nil, fmt.Errorf("more than %d grants", MaxList)
	}
	if err := checkWeights(grants); err != nil {
		return nil, err
	}
	a := &Access{grants: slices.Clone(grants), origins: NewOrigins(origins), rules: make([]*rule, len(abi.Operations))}
	a.bound(a.granted)
	return a, nil
}

// Everything returns what "*" grants, and the origins.
func Everything(origins ...Origin) *Access {
	a, _ := NewAccess([]Grant{{text: All, name: All}}, origins)
	return a
}

// Anywhere returns what "*" grants and HTTP to every origin, which no operator
// can grant: for hosts that send no requests, such as those of tests.
func Anywhere() *Access {
	a := Everything()
	a.origins.everywhere = true
	a.rules = make([]*rule, len(abi.Operations))
	return a
}

// granted is the operator's bound of a capability: for HTTP, whether there is
// anywhere to ask.
func (a *Access) granted(capability string) *bound {
	if capability == HTTP {
		return &bound{by: "granted", all: a.origins.everywhere || len(a.origins.granted) > 0}
	}
	return boundOf(a.grants, capability, "granted")
}

// bound adds a bound to the rule of each operation whose capability has one.
func (a *Access) bound(of func(capability string) *bound) {
	bounds := make(map[string]*bound, len(known))
	for _, c := range known {
		bounds[c] = of(c)
	}
	for i := range abi.Operations {
		o := &abi.Operations[i]
		b := bounds[o.Capability]
		if o.Capability == "" || b.all {
			continue
		}
		made := &rule{operation: o, subject: subjectOf(o)}
		if old := a.rules[i]; old != nil {
			made.bounds = slices.Clone(old.bounds)
		}
		made.bounds = append(made.bounds, b)
		a.rules[i] = made
	}
}

// Narrow returns the access of a plugin that registers what it uses: a host
// call must then be within both. Without anything asked it is the same.
func (a *Access) Narrow(asked []Asked) *Access {
	if len(asked) == 0 {
		return a
	}
	n := &Access{grants: a.grants, rules: slices.Clone(a.rules), origins: &Origins{granted: a.origins.granted, everywhere: a.origins.everywhere}}
	list := make([]Grant, 0, len(asked))
	every := false
	for _, q := range asked {
		list = append(list, q.grant)
		switch {
		case q.origin != nil:
			n.origins.registered = append(n.origins.registered, *q.origin)
		case q.grant.name == HTTP:
			every = true
		}
	}
	if every {
		n.origins.registered = nil
	} else if n.origins.registered == nil {
		n.origins.registered = []Origin{}
	}
	n.bound(func(capability string) *bound { return boundOf(list, capability, "registered") })
	return n
}

// Origins are where the plugin may send HTTP requests to.
func (a *Access) Origins() *Origins {
	if a == nil {
		return nil
	}
	return a.origins
}

// Grants returns the grants as they were written, sorted.
func (a *Access) Grants() []string {
	if a == nil {
		return []string{All}
	}
	texts := make([]string, len(a.grants))
	for i, g := range a.grants {
		texts[i] = g.text
	}
	slices.Sort(texts)
	return texts
}

// Bounded reports whether calls of an operation, by its place in
// abi.Operations, must be checked. It is what most host calls cost.
func (a *Access) Bounded(operation int) bool { return a != nil && a.rules[operation] != nil }

// Check holds a request of a Bounded operation, in the flat codec, against the
// plugin's access. Its error is a *protocol.Error with the code EDENIED that
// names the capability, or the error of ctx, at which it ends early: a list of
// names may be long.
func (a *Access) Check(ctx context.Context, operation int, request []byte) error {
	r := a.rules[operation]
	for _, b := range r.bounds {
		switch {
		case b.none():
			return r.denied("is not %s", b.by)
		case r.subject.kind == nameless:
			return r.denied("is %s for certain names only, and this needs it for all", b.by)
		}
		name, ok, err := r.subject.each(request, func(name []byte) (bool, error) {
			return b.names.match(name), ctx.Err()
		})
		switch {
		case err != nil:
			return err
		case !ok:
			return r.denied("is not %s for %s", b.by, quote(string(name)))
		}
	}
	return nil
}

// denied says what is missing.
func (r *rule) denied(format string, args ...any) error {
	return protocol.NewError(abi.CodeDenied, fmt.Sprintf("%s: the capability %q ", r.operation.Name, r.operation.Capability)+
		fmt.Sprintf(format, args...))
}
