package develop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// compileAssemblyScript runs the compiler that the project has installed, and
// installs it first where it has not.
func compileAssemblyScript(ctx context.Context, dir, target string, out io.Writer) error {
	if !onPath("npx") || !onPath("node") {
		return missing("node and npm are not on the path; install Node.js 20 or newer")
	}
	if err := installModules(ctx, dir, out); err != nil {
		return err
	}
	args, err := assemblyScriptArgs(dir, target)
	if err != nil {
		return err
	}
	return tool{dir: dir, out: out, args: append([]string{"npx", "--no-install", "asc"}, args...)}.run(ctx)
}

// assemblyScriptArgs are those of the compiler.
func assemblyScriptArgs(dir, target string) (args []string, err error) {
	entry, err := assemblyScriptEntry(dir)
	if err != nil {
		return nil, err
	}
	if entry != "" {
		args = append(args, entry)
	}
	return append(args, "--config", "asconfig.json", "--target", "release", "--outFile", target), nil
}

// installModules installs what package.json names, once.
func installModules(ctx context.Context, dir string, out io.Writer) error {
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return nil
	}
	verb := "install"
	if _, err := os.Stat(filepath.Join(dir, "package-lock.json")); err == nil {
		verb = "ci"
	}
	fmt.Fprintf(out, "npm %s\n", verb)
	return tool{dir: dir, out: out, args: []string{"npm", verb, "--no-audit", "--no-fund"}}.run(ctx)
}

// assemblyScriptEntry is the file to compile, "" where asconfig.json says it.
func assemblyScriptEntry(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "asconfig.json"))
	if err != nil {
		return "", err
	}
	var config struct {
		Entries []string `json:"entries"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("asconfig.json: %w", err)
	}
	if len(config.Entries) > 0 {
		return "", nil
	}
	for _, entry := range []string{"assembly/index.ts", "index.ts"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(entry))); err == nil {
			return entry, nil
		}
	}
	return "", errors.New(`there is neither assembly/index.ts nor index.ts: name the file to compile under "entries" in asconfig.json`)
}
