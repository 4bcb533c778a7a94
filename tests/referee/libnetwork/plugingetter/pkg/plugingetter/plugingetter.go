// Package plugingetter is in the place of docker's, of which libnetwork's address manager wants this name alone.
package plugingetter

// PluginGetter finds plugins.
type PluginGetter interface{}
