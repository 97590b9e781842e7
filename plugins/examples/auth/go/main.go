// The auth plugin knows clients by a token in the query, tells other plugins
// who they are, and keeps the commands under secret. from those it does not
// know.
package main

import (
	"errors"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

func init() { mesh.Main(setup) }

func main() {}

// users holds the user of each token. Every instance reads the settings for
// itself, before its first call.
var users map[string]string

func setup(p *mesh.Plugin) error {
	p.Name("auth")
	p.Version("1.0.0")
	p.Authenticate(authenticate)
	p.Middleware("user", user, mesh.Global())
	p.Command("secret.whoami", whoami)

	config, err := mesh.Config()
	if err != nil {
		return err
	}
	users, err = readTokens(config.Get("tokens"))
	return err
}

// readTokens reads {"<token>": "<user>"}; no tokens at all let nobody in but
// anonymous clients.
func readTokens(tokens mesh.JSON) (map[string]string, error) {
	if !tokens.IsNull() && !tokens.IsObject() {
		return nil, errors.New("config: tokens must be a table of users by token")
	}
	users := make(map[string]string)
	for token, value := range tokens.Members() {
		user, ok := value.AsText()
		if !ok || user == "" || token == "" {
			return nil, errors.New("config: tokens must have a user for every token")
		}
		users[token] = user
	}
	return users, nil
}

// authenticate accepts ?token=<token>. A client without one stays anonymous.
func authenticate(h *mesh.Handshake) (*mesh.Identity, error) {
	token, ok := h.QueryValue("token")
	if !ok {
		return nil, nil
	}
	user, ok := users[token]
	if !ok {
		return nil, mesh.Refuse(401, "The token is not known.")
	}
	return &mesh.Identity{User: user, Metadata: mesh.Object().Text("user", user).JSON()}, nil
}

// user puts {"user"} into the locals of every command that a known user sends,
// and refuses the commands under secret. to everyone else.
func user(c *mesh.MiddlewareCall) error {
	if user := c.User(); user != "" {
		c.SetLocals(c.Object().Text("user", user).JSON())
		return nil
	}
	if isSecret(c.Name()) {
		return mesh.Denied("This command is for known users.")
	}
	return nil
}

// isSecret does without package strings, which would make the plugin 30 KB
// larger.
func isSecret(command string) bool {
	const prefix = "secret."
	return len(command) >= len(prefix) && command[:len(prefix)] == prefix
}

// whoami returns {"user"} as the middleware has put it into the locals.
func whoami(c *mesh.Call) (mesh.JSON, error) {
	return c.Object().Raw("user", c.Locals().Get("user")).JSON(), nil
}
