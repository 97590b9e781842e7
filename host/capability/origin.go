package capability

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Origin is what a plugin may send HTTP requests to: a scheme, a host and a
// port. It is comparable.
type Origin struct {
	Scheme string // http or https
	// Host is in lower case; "*.example.com" is every host below example.com,
	// but not that itself.
	Host string
	Port uint16
}

// ParseOrigin reads "https://api.example.com", "https://*.example.com" or
// "http://10.0.0.7:8080"; the port is the scheme's where none is there. The
// error says what is wrong.
func ParseOrigin(text string) (Origin, error) {
	const example = `write "https://api.example.com", "https://*.example.com" or "http://10.0.0.7:8080"`
	if len(text) > MaxText {
		return Origin{}, fmt.Errorf("it has %d bytes, over the limit of %d", len(text), MaxText)
	}
	u, err := url.Parse(text)
	switch {
	case text == All:
		return Origin{}, errors.New("not every address can be allowed: " + example)
	case err != nil || u.Hostname() == "":
		return Origin{}, errors.New("it is no origin: " + example)
	case u.Scheme != "http" && u.Scheme != "https":
		return Origin{}, errors.New("its scheme is neither http nor https: " + example)
	case u.User != nil:
		return Origin{}, errors.New("it has a user: " + example)
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return Origin{}, errors.New("an origin ends with its host or port, without even a \"/\": " + example)
	}
	return originOf(u)
}

// originOf returns the origin of a URL that has a scheme and a host.
func originOf(u *url.URL) (Origin, error) {
	o := Origin{Scheme: u.Scheme, Host: strings.ToLower(u.Hostname()), Port: 80}
	if u.Scheme == "https" {
		o.Port = 443
	}
	if text := u.Port(); text != "" || strings.HasSuffix(u.Host, ":") {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return Origin{}, fmt.Errorf("%s is no port", quote(text))
		}
		o.Port = uint16(n)
	}
	return o, checkHost(o.Host)
}

func checkHost(host string) error {
	if address, err := netip.ParseAddr(host); err == nil {
		if address.Zone() != "" {
			return errors.New("an address with a zone is of this machine only: leave it out")
		}
		return nil
	}
	name, wild := strings.CutPrefix(host, "*.")
	if wild {
		// The last label of an address is a number: "*.7" would be for addresses,
		// of which each is to be named.
		if last := name[strings.LastIndexByte(name, '.')+1:]; strings.Trim(last, "0123456789") == "" {
			return errors.New(`an address has no subdomains: leave the "*." out`)
		}
	}
	if len(name) > 253 {
		return errors.New("the host's name is longer than 253 bytes")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return fmt.Errorf("%s is no host: letters, digits, \"-\" and dots, in punycode where it is not ASCII, and \"*.\" only in front", quote(host))
		}
	}
	return nil
}

// String returns the origin without the port that its scheme has anyway.
func (o Origin) String() string {
	if o.Scheme == "https" && o.Port == 443 || o.Scheme == "http" && o.Port == 80 {
		if strings.Contains(o.Host, ":") {
			return o.Scheme + "://[" + o.Host + "]"
		}
		return o.Scheme + "://" + o.Host
	}
	return o.Scheme + "://" + net.JoinHostPort(o.Host, strconv.Itoa(int(o.Port)))
}

// contains reports whether an origin, or all that a wildcard stands for, is
// allowed by o.
func (o Origin) contains(p Origin) bool {
	if o.Scheme != p.Scheme || o.Port != p.Port {
		return false
	}
	domain, wild := strings.CutPrefix(o.Host, "*")
	return o.Host == p.Host || wild && len(p.Host) > len(domain) && strings.HasSuffix(p.Host, domain)
}

// Origins are where a plugin may send HTTP requests to: nowhere for a nil one.
// They are immutable.
type Origins struct {
	granted, registered []Origin
	everywhere          bool // is granted
}

// NewOrigins returns those of a list.
func NewOrigins(list []Origin) *Origins { return &Origins{granted: slices.Clone(list)} }

// Allow reports whether a request may be sent to a URL, as far as its scheme,
// host and port go: its address may still be one that no one may be sent to.
// The host is taken as it is written, so "example.com." is another one than
// "example.com".
func (o *Origins) Allow(u *url.URL) bool {
	if o == nil || u == nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	asked, err := originOf(u)
	if err != nil || strings.Contains(asked.Host, "*") {
		return false
	}
	covers := func(allowed Origin) bool { return allowed.contains(asked) }
	return (o.everywhere || slices.ContainsFunc(o.granted, covers)) && (o.registered == nil || slices.ContainsFunc(o.registered, covers))
}

// List returns the granted ones.
func (o *Origins) List() []Origin {
	if o == nil {
		return nil
	}
	return slices.Clone(o.granted)
}
