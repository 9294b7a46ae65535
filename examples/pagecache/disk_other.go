//go:build !linux

package main

import "errors"

func diskFolder(string) (string, error) { return "", errors.ErrUnsupported }
