print "stub"
