# Listens on the address and port that are given, and carries all connections
# over its standard input and output, in frames: a letter, the number of the
# connection and the length of what follows. It says L with the port when it
# listens, A when somebody has connected, D with what they say, E when they have
# said all; and is told D, W when all is said to them, C when the connection is
# to be closed.
use IO::Socket;
use IO::Select;
my ($address, $port) = @ARGV;
my $class = eval { require IO::Socket::IP } ? "IO::Socket::IP" : "IO::Socket::INET";
my $listener = $class->new(
    LocalAddr => $address, LocalPort => $port, Listen => 64, Proto => "tcp", ReuseAddr => 1);
if (!$listener) { print STDERR "$!\n"; exit 1 }
$SIG{PIPE} = "IGNORE";

my $most = 256 * 1024;    # that waits for those who do not read
my %connections;          # number => { socket, out, reads, end }
my ($last, $told) = (0, "");

sub say_frame {
    my ($type, $number, $data) = @_;
    my $frame = pack("aNn", $type, $number, length $data) . $data;
    while (length $frame) {
        my $sent = syswrite(STDOUT, $frame);
        exit if !$sent;
        substr($frame, 0, $sent) = "";
    }
}

# hear takes the frames that have come whole.
sub hear {
    while (length $told >= 7) {
        my ($type, $number, $length) = unpack("aNn", $told);
        last if length $told < 7 + $length;
        my $data = substr($told, 7, $length);
        substr($told, 0, 7 + $length) = "";
        my $c = $connections{$number} or next;
        if ($type eq "D") { $c->{out} .= $data }
        elsif (!$c->{end} || $type eq "C") { $c->{end} = $type }
    }
}

# finish does what was told, as soon as all before that is said.
sub finish {
    my ($number, $c) = @_;
    return if length $c->{out} || !$c->{end};
    if ($c->{end} eq "C") { close $c->{socket}; delete $connections{$number} }
    elsif ($c->{end} eq "W") { shutdown($c->{socket}, 1); $c->{end} = "said" }
}

sub serve {
    my ($number, $c, $readable, $writable) = @_;
    if ($readable) {
        my $n = sysread($c->{socket}, my $data, 16384);
        if ($n) { say_frame("D", $number, $data) }
        else { say_frame("E", $number, ""); $c->{reads} = 0 }
    }
    if ($writable) {
        my $n = syswrite($c->{socket}, $c->{out});
        if ($n) { substr($c->{out}, 0, $n) = "" }
        elsif (!defined $n && !$!{EAGAIN}) { $c->{out} = "" }
    }
    finish($number, $c);
}

say_frame("L", 0, $listener->sockport);
while (1) {
    my $held = 0;
    $held += length $_->{out} for values %connections;
    my $reads = IO::Select->new($listener, map { $_->{socket} } grep { $_->{reads} } values %connections);
    $reads->add(\*STDIN) if $held < $most;
    my $writes = IO::Select->new(map { $_->{socket} } grep { length $_->{out} } values %connections);
    my ($readable, $writable) = IO::Select->select($reads, $writes, undef);
    my %can_read = map { $_ => 1 } @{ $readable || [] };
    my %can_write = map { $_ => 1 } @{ $writable || [] };
    if ($can_read{ \*STDIN }) {
        sysread(STDIN, $told, 32768, length $told) or exit;
        hear();
    }
    if ($can_read{$listener} && (my $socket = $listener->accept)) {
        $socket->blocking(0);
        $connections{ ++$last } = { socket => $socket, out => "", reads => 1 };
        say_frame("A", $last, "");
    }
    for my $number (keys %connections) {
        my $c = $connections{$number};
        serve($number, $c, $can_read{ $c->{socket} }, $can_write{ $c->{socket} });
    }
}
