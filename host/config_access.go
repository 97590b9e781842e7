package host

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/outbound"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// access checks what a plugin is granted.
func (p *problems) access(key string, c *PluginConfig) {
	grants := readEach(p, key+".capabilities", c.Capabilities, capability.Parse)
	origins := readEach(p, key+".http", c.HTTP, capability.ParseOrigin)
	if _, err := capability.NewAccess(grants, origins); err != nil {
		p.add(key+".capabilities", "%s", err)
	}
	if slices.Contains(c.Capabilities, capability.All) && len(c.Capabilities) > 1 {
		p.add(key+".capabilities", `"*" is everything: it stands alone, or is left out`)
	}
}

// readEach reads the elements of a list and adds what is wrong with them.
func readEach[T any](p *problems, key string, list []string, read func(string) (T, error)) []T {
	if len(list) > capability.MaxList {
		p.add(key, "it has %d elements: at most %d", len(list), capability.MaxList)
		return nil
	}
	var all []T
	for i, text := range list {
		v, err := read(text)
		switch {
		case err != nil:
			p.add(key, "%q: %s", protocol.CutText(text, protocol.MaxName), err)
		case slices.Contains(list[:i], text):
			p.add(key, "%q is listed twice", protocol.CutText(text, protocol.MaxName))
		}
		all = append(all, v)
	}
	return all
}

// parseNetwork reads an element of PluginConfig.HTTPNetworks.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil || network.Addr().Is4In6() {
		return network, errors.New(`write a network as "10.0.0.0/8" or "fd00::/8", one address as "10.0.0.7/32"`)
	}
	if network != network.Masked() {
		return network, fmt.Errorf("its address has bits behind the network's: write %s", network.Masked())
	}
	return network, nil
}

// outboundPolicy is how a plugin may send HTTP requests.
func (c *PluginConfig) outboundPolicy() outbound.Policy {
	var p problems // none, after Validate
	return outbound.Policy{
		Networks: readEach(&p, "", c.HTTPNetworks, parseNetwork),
		Timeout:  c.HTTPTimeout, Size: int64(c.HTTPSize),
	}
}

// access is what a plugin is granted; of a Config that Validate refuses,
// nothing.
func (c *PluginConfig) access() *capability.Access {
	var p problems
	grants := readEach(&p, "", c.Capabilities, capability.Parse)
	origins := readEach(&p, "", c.HTTP, capability.ParseOrigin)
	access, err := capability.NewAccess(grants, origins)
	if errors.Join(append(p.found, err)...) != nil {
		access, _ = capability.NewAccess(nil, nil)
	}
	return access
}
