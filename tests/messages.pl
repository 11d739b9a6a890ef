#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Prints the error messages that C sources have, one "FILE:LINE<tab>MESSAGE" a line: the format
# strings given to the functions below, with adjacent literals joined and both ways of a choice.
# What a conversion stands for becomes \001; messages that are nothing else are left out.
#
#	tests/messages.pl FILE...
use strict;
use warnings;

# function -> which argument is the format, what the message begins with; \001 is a place or nothing
my %takes = (
	syntax_error   => [3, ''],
	semantic_error => [3, ''],
	plan_report    => [5, ''],
	wrong          => [2, '--mount: '],
	error_set      => [2, "\001"],
	word_fail      => [4, "\001"],
	FAIL           => [2, "\001"],
);
my $call = join '|', sort keys %takes;
my $string = qr/"(?:[^"\\]|\\.)*"/s;
my $skip = qr{$string|'(?:[^'\\]|\\.)+'|/\*.*?\*/}s;

# The arguments of the call whose parenthesis was just read from $$text.
sub arguments {
	my ($text) = @_;
	my ($depth, $at, @args) = (0, 0, '');

	while ($$text =~ /\G($skip|.)/gcs) {
		my $token = $1;
		next if $token =~ m{^/\*};
		return @args if $token eq ')' && $depth == 0;
		$depth++ if $token =~ /^[(\{\[]$/;
		$depth-- if $token =~ /^[)\}\]]$/;
		if ($token eq ',' && $depth == 0) {
			push @args, '';
		} else {
			$args[-1] .= $token;
		}
	}
	return @args;
}

my %escape = (n => "\n", t => "\t", '"' => '"', '\\' => '\\', "'" => "'");

# The strings that an expression can be: literals that follow each other are one.
sub strings {
	my ($expression) = @_;
	my (@found, $joined);

	while ($expression =~ /\G(?:($string)|(PRI[udxio]\d+)|(\s+)|(.))/gcs) {
		if (defined $1) {
			my $literal = substr $1, 1, -1;
			$literal =~ s/\\(.)/$escape{$1} \/\/ die "escape \\$1 in $expression"/ges;
			$joined = ($joined // '') . $literal;
		} elsif (defined $2) {
			$joined .= 'd';
		} elsif (defined $4) {
			push @found, $joined if defined $joined;
			undef $joined;
		}
	}
	push @found, $joined if defined $joined;
	return @found;
}

for my $file (@ARGV) {
	open my $in, '<', $file or die "$file: $!\n";
	my $text = do { local $/; <$in> };

	while ($text =~ /\G(?:$skip|\b($call)\s*\(|\w+|.)/gcs) {
		next unless defined $1;
		my ($name, $line) = ($1, 1 + (substr($text, 0, $-[1]) =~ tr/\n//));
		my @args = arguments(\$text);
		my ($index, $start) = @{$takes{$name}};
		next if grep { /\b(?:const char \*format|message)\b/ } @args;
		next if $name eq 'plan_report' && ($args[2] // '') !~ /DIAG_ERROR/;
		for my $format (strings($args[$index] // '')) {
			$format =~ s/%(?:%|[-#0 +]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[hlzjt]*[a-zA-Z])/
				$& eq '%%' ? '%' : "\001"/gex;
			print "$file:$line\t$start$format\n" if $format =~ /[^\001]/;
		}
	}
}
