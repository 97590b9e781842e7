// Package plugintest tests plugins: Run is the compatibility kit that every
// plugin and every kit for a language passes, and the fixtures are small
// guests, friendly and hostile, for the tests of the host itself.
package plugintest
