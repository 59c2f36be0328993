//go:build data

// Package main, data: modules of which the lab cluster uses files and no code. Their lines in go.mod pin and check them.
package main

import (
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
