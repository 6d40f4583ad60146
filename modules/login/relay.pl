# The relay of relay.sh.
BEGIN { eval { require IO::Socket; require IO::Select; IO::Socket->import; 1 } or exit 99 }
my ($network, $address, $port) = @ARGV;
my $class = eval { require IO::Socket::IP } ? "IO::Socket::IP" : "IO::Socket::INET";
my $far = $network eq "unix"
    ? IO::Socket::UNIX->new(Peer => $address)
    : $class->new(PeerAddr => $address, PeerPort => $port, Proto => "tcp");
if (!$far) { print STDERR "$!\n"; exit 1 }
print STDERR "connected\n";

sub move {
    my ($from, $to) = @_;
    my $n = sysread($from, my $data, 24576);
    return 0 if !$n;
    while (length $data) {
        my $sent = syswrite($to, $data);
        return 0 if !$sent;
        substr($data, 0, $sent) = "";
    }
    return 1;
}

$SIG{PIPE} = "IGNORE";
my $ready = IO::Select->new($far, \*STDIN);
while (1) {
    for my $from ($ready->can_read) {
        if ($from == $far) { move($far, \*STDOUT) or exit }
        elsif (!move(\*STDIN, $far)) { $ready->remove(\*STDIN); shutdown($far, 1) }
    }
}
