# Hashes of arrays of strings, built, matched, sorted and thrown away.
use strict;
use warnings;

my $state = 1;

sub random {
    my ($end) = @_;
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return int($state / 2147483648 * $end);
}

my $sum = 0;

# A checksum that needs no module.
sub add {
    for my $text (@_) {
        $sum = ($sum * 31 + unpack('%32C*', $text) + length $text) % 1000000007;
    }
}

for my $round (1 .. 2) {
    my (%index, @lines);
    for my $number (1 .. 40000) {
        my @words = map { 'word' . random(4000) } 0 .. random(8);
        push @lines, join ' ', $number, @words;
        push @{$index{$_}}, $number for @words;
    }
    for my $word (sort keys %index) {
        add("$word @{$index{$word}}");
    }
    my %tree;
    for my $line (@lines) {
        my ($number, $rest) = $line =~ /^(\d+) (.*)$/ or die "no number in $line";
        (my $upper = $rest) =~ s/word(\d)/W$1/g;
        $tree{$number % 100}{length $rest}{$number} = { text => $upper, words => [split / /, $rest] };
    }
    for my $group (sort { $a <=> $b } keys %tree) {
        for my $length (sort { $a <=> $b } keys %{$tree{$group}}) {
            my $entries = $tree{$group}{$length};
            for my $entry (map { $entries->{$_} } sort { $a <=> $b } keys %$entries) {
                add($entry->{text} . scalar @{$entry->{words}});
            }
        }
    }
    delete $index{$_} for grep { /7$/ } keys %index;
    add(scalar keys %index);
    add(join ',', (sort { length $a <=> length $b or $a cmp $b } @lines)[0 .. 99]);
}
print "$sum\n";
