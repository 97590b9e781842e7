package mesh

// HTTP asks servers that the operator has allowed for the plugin, in
// plugins.<name>.http. It is the only way out that a plugin has.
var HTTP HTTPOperations

// HTTPOperations is the type of HTTP.
type HTTPOperations struct{}

// HTTPRequest is what Fetch asks for. Only the URL must be there.
type HTTPRequest struct {
	// URL begins with http:// or https:// and has at most 8192 bytes, without
	// user and password.
	URL string
	// Method is GET where it is empty; HEAD, POST, PUT, PATCH, DELETE and
	// OPTIONS are the others.
	Method string
	// Headers holds names and values in turn. Host and the headers of the
	// connection itself cannot be set.
	Headers []string
	// Body is what is sent; nil: nothing.
	Body []byte
	// Timeout bounds the time until the whole answer is there. 0 is the
	// operator's bound, plugins.<name>.http_timeout, which a longer one does
	// not go beyond.
	Timeout Duration
}

// HTTPResponse is a server's answer, whatever its status: a 404 is an answer and
// no error.
type HTTPResponse struct {
	// Status is a number such as 200.
	Status int
	// Headers holds names, in lower case, and values in turn, sorted by name;
	// see Header.
	Headers []string
	// Body is what came, decoded where it was compressed. It is the plugin's to
	// keep.
	Body []byte
}

// Fetch makes one request and follows redirects to hosts that are allowed. The
// call that it is made in waits meanwhile, and its own deadline goes on.
//
// The error is EDENIED where the address is not allowed, EUNAVAILABLE where no
// answer comes, ETIMEOUT where it comes too late, ETOOLARGE where it is larger
// than plugins.<name>.http_size, EPAYLOAD where the request cannot be made.
func (HTTPOperations) Fetch(q HTTPRequest) (HTTPResponse, error) {
	status, headers, body, err := callHTTPFetch(q.URL, q.Method, q.Headers, q.Body, int64(q.Timeout))
	return HTTPResponse{Status: int(status), Headers: headers, Body: body}, err
}

// Header returns the first value of a header, "" where there is none. The name's
// case does not matter.
func (r *HTTPResponse) Header(name string) string {
	for i := 0; i+1 < len(r.Headers); i += 2 {
		if equalFold(r.Headers[i], name) {
			return r.Headers[i+1]
		}
	}
	return ""
}
