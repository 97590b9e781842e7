package admin_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/operation"
)

const token = "a-token-of-16-letters"

// described is a table with every operation of the table, none of which means
// anything: for what is made of their descriptions alone.
func described() operation.Table {
	t := operation.Table{}
	for _, o := range abi.Operations {
		t[o.Name] = operation.Operation{Operation: o}
	}
	return t
}

// document returns the OpenAPI document of an API, which must be valid.
func document(t *testing.T, h http.Handler, headers ...string) *openapi3.T {
	t.Helper()
	response, body := do(t, h, request("GET", "/api/openapi.json", "", headers...))
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIDescribesTheTable(t *testing.T) {
	t.Parallel()
	doc := document(t, api(described(), nil))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Security) != 0 || len(doc.Components.SecuritySchemes) != 0 {
		t.Errorf("%s, security %v", doc.OpenAPI, doc.Security)
	}
	for _, o := range abi.Operations {
		path := doc.Paths.Value("/api/" + o.Name)
		if o.Door == abi.DoorPlugin {
			if path != nil {
				t.Errorf("%s is described", o.Name)
			}
			continue
		}
		if path == nil || path.Post == nil {
			t.Errorf("%s is not described", o.Name)
			continue
		}
		if path.Post.OperationID != o.Name || path.Post.Description != o.Doc || !strings.HasPrefix(o.Doc, strings.TrimSuffix(path.Post.Summary, ".")) {
			t.Errorf("%s: %s: %s", o.Name, path.Post.OperationID, path.Post.Summary)
		}
		checkFields(t, o.Name, o.Request, path.Post.RequestBody.Value.Content.Get("application/json").Schema.Value)
		for _, e := range abi.ErrorCodes {
			if r := path.Post.Responses.Status(e.HTTP); r == nil || !strings.Contains(*r.Value.Description, e.Code+": "+e.Doc) {
				t.Errorf("%s does not say what %s is", o.Name, e.Code)
			}
		}
	}
}

func checkFields(t *testing.T, operation string, fields []abi.Field, schema *openapi3.Schema) {
	t.Helper()
	types := map[string]string{"string": "string", "int": "integer", "bool": "boolean", "strings": "array"}
	if len(schema.Properties) != len(fields) {
		t.Errorf("%s has %d fields, want %d", operation, len(schema.Properties), len(fields))
	}
	for _, f := range fields {
		p := schema.Properties[f.Name]
		if p == nil || p.Value.Description != f.Doc || slices.Contains(schema.Required, f.Name) == f.Optional {
			t.Errorf("%s: %s is described as %+v", operation, f.Name, p)
			continue
		}
		if want := types[f.Type]; want != "" && !p.Value.Type.Is(want) || want == "" && p.Value.Type != nil {
			t.Errorf("%s: %s has the type %v, want %s", operation, f.Name, p.Value.Type, want)
		}
	}
}

func TestOpenAPIWithToken(t *testing.T) {
	t.Parallel()
	doc := document(t, api(described(), func(o *admin.Options) { o.Token = token }), "Authorization", "Bearer "+token)
	scheme := doc.Components.SecuritySchemes["token"]
	if scheme == nil || scheme.Value.Type != "http" || scheme.Value.Scheme != "bearer" || len(doc.Security) != 1 {
		t.Errorf("security %v by %+v", doc.Security, scheme)
	}
	if doc.Paths.Value("/api/broadcast").Post.Responses.Status(401) == nil {
		t.Error("401 is not described")
	}
}

// What the document says of requests and answers is what the API does.
func TestOpenAPIHolds(t *testing.T) {
	t.Parallel()
	h := api(table(), func(o *admin.Options) { o.Token, o.MaxBody = token, 200 })
	doc := document(t, h, "Authorization", "Bearer "+token)
	router, err := legacy.NewRouter(doc, openapi3.IsOpenAPI31OrLater())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		operation, body string
		status          int
	}{
		{"broadcast", `{"command":"x"}`, 200},
		{"broadcast", `{"command":"x","payload":[null,{}],"exclude":["a"]}`, 200},
		{"users.list", "", 200},
		{"users.list", `{"limit":5}`, 200},
		{"connections.metadata.list", `{"limit":5}`, 200},
		{"connections.metadata.list", `{}`, 200},
		{"plugins.reload", `{"name":"p"}`, 200},
		{"broadcast", `{}`, 400},
		{"broadcast", ``, 400},
		{"broadcast", `{"command":1}`, 400},
		{"broadcast", `{"command":"x","colour":1}`, 400},
		{"broadcast", `{"command":"x","exclude":[1]}`, 400},
		{"users.list", `{"limit":"5"}`, 400},
		{"users.list", `{"limit":1.5}`, 400},
		{"users.list", `{"cursor":null}`, 400},
		{"broadcast", `{"command":"` + strings.Repeat("x", 200) + `"}`, 413},
	} {
		r := request("POST", "/api/"+c.operation, c.body, "Authorization", "Bearer "+token)
		input := validation(t, router, r)
		invalid := openapi3filter.ValidateRequest(context.Background(), input)
		if (invalid != nil) != (c.status == 400) {
			t.Errorf("%s %s: the document says %v of the request", c.operation, c.body, invalid)
		}
		r.Body = io.NopCloser(strings.NewReader(c.body))
		response, body := do(t, h, r)
		if response.StatusCode != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.operation, c.body, response.StatusCode, body, c.status)
		}
		answer := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: input, Status: response.StatusCode, Header: response.Header, Options: input.Options,
		}
		if err := openapi3filter.ValidateResponse(context.Background(), answer.SetBodyBytes([]byte(body))); err != nil {
			t.Errorf("%s %s answers %d %s: %v", c.operation, c.body, response.StatusCode, body, err)
		}
	}
}

func validation(t *testing.T, router routers.Router, r *http.Request) *openapi3filter.RequestValidationInput {
	t.Helper()
	route, params, err := router.FindRoute(r)
	if err != nil {
		t.Fatal(err)
	}
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		},
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	h := api(described(), nil)
	response, body := do(t, h, request("GET", "/api", ""))
	if again, _ := do(t, h, request("GET", "/api/", "")); response.StatusCode != http.StatusOK || again.StatusCode != http.StatusOK {
		t.Errorf("%d, %d", response.StatusCode, again.StatusCode)
	}
	type field struct {
		Name, Type, Doc string
		Optional        bool
	}
	var index struct {
		Operations []struct {
			Name, Doc, Result string
			Request, Response []field
		}
	}
	if err := json.Unmarshal([]byte(body), &index); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, o := range index.Operations {
		got = append(got, o.Name)
		if o.Name == abi.OpRoomsMetadataList && (o.Result != "metadata" || len(o.Request) != 2 || !o.Request[0].Optional || o.Request[0].Type != "string") {
			t.Errorf("%+v", o)
		}
	}
	for _, o := range abi.Operations {
		if o.Door != abi.DoorPlugin {
			want = append(want, o.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
}

// Beside a result no other field of a response may take its name, nor that of
// an error.
func TestNoFieldIsInTheWay(t *testing.T) {
	t.Parallel()
	for _, o := range abi.Operations {
		found := o.Result == ""
		for _, f := range o.Response {
			found = found || f.Name == o.Result
			if o.Result != "" && f.Name != o.Result && (f.Name == "result" || f.Name == "error") {
				t.Errorf("%s: %s stands beside the result", o.Name, f.Name)
			}
			if f.Name == o.Result && f.Optional {
				t.Errorf("%s: the result is optional", o.Name)
			}
		}
		if !found {
			t.Errorf("%s has no field %s", o.Name, o.Result)
		}
	}
}
