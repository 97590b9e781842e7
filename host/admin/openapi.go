package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
)

// object is a part of the OpenAPI document.
type object = map[string]any

// openAPI is the document at /api/openapi.json, OpenAPI 3.1.
// https://spec.openapis.org/oas/v3.1.1.html
func openAPI(operations []abi.Operation, token bool) any {
	responses, components := object{}, object{}
	for _, status := range statuses(token) {
		name := strconv.Itoa(status.code)
		responses[name] = object{"$ref": "#/components/responses/" + name}
		components[name] = object{"description": status.doc, "content": content(object{"$ref": "#/components/schemas/Error"})}
	}
	paths := object{}
	for _, o := range operations {
		paths["/api/"+o.Name] = object{"post": operationObject(o, responses)}
	}
	document := object{
		"openapi": "3.1.1",
		"info": object{
			"title":       "The admin API of mesh-host",
			"description": "What operators, and other programs, can ask of the server.",
			"version":     "1",
		},
		"paths":      paths,
		"components": object{"responses": components, "schemas": object{"Error": errorSchema()}},
	}
	if token {
		document["components"].(object)["securitySchemes"] = object{
			"token": object{"type": "http", "scheme": "bearer", "description": "admin.token of the configuration"},
		}
		document["security"] = []any{object{"token": []any{}}}
	}
	return document
}

func operationObject(o abi.Operation, failures object) object {
	responses := object{"200": object{"description": "The result.", "content": content(resultSchema(o))}}
	for status, response := range failures {
		responses[status] = response
	}
	request := schemaOf(o.Request)
	_, required := request["required"]
	described := object{
		"operationId": o.Name,
		"description": o.Doc,
		"requestBody": object{"required": required, "content": content(request)},
		"responses":   responses,
	}
	if summary, _, more := strings.Cut(o.Doc, ". "); more {
		described["summary"] = summary + "."
	} else {
		described["summary"] = o.Doc
	}
	if topic, _, ok := strings.Cut(o.Name, "."); ok {
		described["tags"] = []string{topic}
	}
	return described
}

func content(schema object) object { return object{"application/json": object{"schema": schema}} }

// schemaOf is the schema of an object with these fields.
func schemaOf(fields []abi.Field) object {
	properties := object{}
	var required []string
	for _, f := range fields {
		properties[f.Name] = fieldSchema(f)
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func fieldSchema(f abi.Field) object {
	schema := object{"description": f.Doc}
	switch f.Type {
	case "int":
		schema["type"], schema["format"] = "integer", "int64"
	case "bool":
		schema["type"] = "boolean"
	case "strings":
		schema["type"], schema["items"] = "array", object{"type": "string"}
	case "string":
		schema["type"] = "string"
	case "bytes":
		schema["type"], schema["format"] = "string", "byte"
	} // json is any value
	return schema
}

// resultSchema is the schema of what appendResult writes.
func resultSchema(o abi.Operation) object {
	if o.Result == "" {
		return object{"type": "object", "required": []string{"result"}, "properties": object{"result": schemaOf(o.Response)}}
	}
	fields := make([]abi.Field, len(o.Response))
	for i, f := range o.Response {
		if f.Name == o.Result {
			f.Name = "result"
		}
		fields[i] = f
	}
	return schemaOf(fields)
}

func errorSchema() object {
	codes := make([]string, len(abi.ErrorCodes))
	for i, e := range abi.ErrorCodes {
		codes[i] = e.Code
	}
	failure := object{
		"type":     "object",
		"required": []string{"code", "message"},
		"properties": object{
			"code":    object{"type": "string", "description": "A plugin's own, or one of " + strings.Join(codes, ", ") + "."},
			"message": object{"type": "string", "description": "For people."},
			"ref":     object{"type": "string", "description": "Under which the server has logged an internal error."},
			"data":    object{"description": "What the code says more."},
		},
	}
	return object{"type": "object", "required": []string{"error"}, "properties": object{"error": failure}}
}

type statusEntry struct {
	code int
	doc  string
}

// statuses lists under which status an operation may fail, and why.
func statuses(token bool) []statusEntry {
	list := []statusEntry{
		{http.StatusRequestTimeout, abi.CodeTimeout + ": the body did not arrive in time"},
		{http.StatusUnsupportedMediaType, abi.CodePayload + ": the body was not sent as application/json"},
	}
	if token {
		list = append(list, statusEntry{http.StatusUnauthorized, abi.CodeDenied + ": the bearer token is missing or another one"})
	}
	for _, e := range abi.ErrorCodes {
		doc := fmt.Sprintf("%s: %s", e.Code, e.Doc)
		if e.Code == abi.CodePayload {
			doc += "; also every code that a plugin has invented"
		}
		known := false
		for i := range list {
			if list[i].code == e.HTTP {
				list[i].doc += "\n\n" + doc
				known = true
			}
		}
		if !known {
			list = append(list, statusEntry{e.HTTP, doc})
		}
	}
	return list
}
