# Builds words from a small generator, counts, sorts and rewrites them, several times over.
use strict;
use warnings;

my $state = 12345;
sub draw { $state = ($state * 1103515245 + 12345) % 2147483648; return $state >> 8; }

for my $round (1 .. 4) {
    my (%count, %by_length);
    for (1 .. 120_000) {
        my $word = join '', map { chr(97 + draw() % 6) } 1 .. 3 + draw() % 6;
        $count{$word}++;
        push @{ $by_length{length $word} }, $word;
    }
    my @top = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4];
    print "$round: ", scalar(keys %count), " words, ", join(' ', map { "$_=$count{$_}" } @top), "\n";
    for my $length (sort { $a <=> $b } keys %by_length) {
        my $text = join ' ', @{ $by_length{$length} };
        my $swapped = ($text =~ s/\b(\w)(\w+)\b/$2$1/g);
        my $doubled = () = $text =~ /(\w)\1/g;
        print "$length: ", length $text, " characters, $swapped swapped, $doubled doubled\n";
    }
}
