package main

func demoJob(f flags, args []string) (job, error) {
	return nil, usageError("farmrun demo %v", args)
}
