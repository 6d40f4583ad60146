package secret

// Forms returns the forms of a secret.
func Forms(s string) []string {
	var all []string
	for _, f := range forms([]byte(s)) {
		all = append(all, string(f))
	}
	return all
}
