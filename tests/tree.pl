#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Lists what an image changes against another one, from the layers themselves.
#
#	tests/tree.pl BLOBS MANIFEST [BASE-MANIFEST]
#
# BLOBS is the directory of an OCI layout that holds files named by sha256, the manifests are digests
# in it. One line for each path, sorted by path:
#
#	type mode uid:gid path [size content] [-> target]
#
# type is f (file), d, l (symlink), h (hard link, target is its first name), c, b, p; "- path" is
# gone. Content is quoted text where it is short text, else a part of its sha256. Times are left out:
# what a test wants to say about them, it says with stat in a RUN.
#
# This reads tar by itself, so that neither varve nor the rights of the caller matter.
use strict;
use warnings;

my ($blobs, $image, $base) = @ARGV;
my $show = 300; # bytes of content that are shown as text

sub slurp {
	my ($file) = @_;
	open(my $f, '<:raw', $file) or die "$file: $!\n";
	local $/;
	return scalar <$f>;
}

sub blob {
	my ($digest) = @_;
	$digest =~ s/^sha256://;
	return "$blobs/$digest";
}

sub layers {
	my ($manifest) = @_;
	my $text = slurp(blob($manifest));
	$text =~ /"layers"\s*:\s*\[(.*?)\]/s or die "no layers in $manifest\n";
	return $1 =~ /"digest"\s*:\s*"(sha256:[0-9a-f]{64})"/g;
}

sub open_layer {
	my ($file) = @_;
	open(my $f, '<:raw', $file) or die "$file: $!\n";
	read($f, my $magic, 4);
	my $tool = $magic eq "\x28\xb5\x2f\xfd" ? 'zstd' : substr($magic, 0, 2) eq "\x1f\x8b" ? 'gzip' : '';
	if ($tool) {
		my $plain = slurp_command($tool, '-qdc', $file);
		close($f);
		open($f, '<:raw', \$plain) or die "$file: $!\n";
	}
	seek($f, 0, 0);
	return $f;
}

sub slurp_command {
	open(my $f, '-|:raw', @_) or die "$_[0]: $!\n";
	local $/;
	my $text = <$f>;
	close($f) or die "$_[0] failed\n";
	return $text;
}

sub number {
	my ($field) = @_;
	return unpack('Q>', substr($field, -8)) if ord($field) & 0x80;
	$field =~ /([0-7]+)/;
	return oct($1 // 0);
}

# One header: a node, or undef at the end of the archive. PAX records go into $pax.
sub header {
	my ($f, $pax) = @_;
	for (;;) {
		read($f, my $block, 512) == 512 or return;
		my ($name, $mode, $uid, $gid, $size, undef, undef, $type, $target, $magic, undef, undef, undef,
			$major, $minor, $prefix) =
			unpack('Z100 a8 a8 a8 a12 a12 a8 a1 Z100 a6 a2 a32 a32 a8 a8 Z155', $block);
		return if $name eq '' && $prefix eq '';
		$name = "$prefix/$name" if $prefix ne '' && $magic =~ /^ustar\0/;
		my %node = (name => $name, mode => number($mode) & 07777, uid => number($uid),
			gid => number($gid), size => number($size), type => $type, target => $target,
			device => number($major) . ',' . number($minor));
		if ($type eq 'x' || $type eq 'g') {
			read($f, my $records, $node{size});
			seek($f, -$node{size} % 512, 1);
			while ($records =~ /\G(\d+) /gc) {
				my $record = substr($records, pos($records), $1 - length($1) - 2);
				pos($records) += $1 - length($1) - 1;
				my ($key, $value) = split(/=/, $record, 2);
				$pax->{$key} = $value;
			}
			next;
		}
		$node{name} = $pax->{path} // $node{name};
		$node{target} = $pax->{linkpath} // $node{target};
		$node{$_} = $pax->{$_} // $node{$_} for qw(size uid gid);
		$node{xattr} = join('', map { my $key = substr($_, 13);
			" $key=" . unpack('H*', $pax->{$_}) } grep { /^SCHILY\.xattr\./ } sort keys %$pax);
		return \%node;
	}
}

sub remove {
	my ($tree, $path) = @_;
	delete @$tree{ grep { $_ eq $path || index($_, "$path/") == 0 } keys %$tree };
}

sub place {
	my ($tree, $node) = @_;
	my $path = $node->{name};
	if ($node->{type} eq '1') {
		$node->{target} =~ s{^\./}{};
		my $first = $tree->{ $node->{target} } or die "$path: link to a missing $node->{target}\n";
		remove($tree, $path);
		$tree->{$path} = $first;
		return;
	}
	my $old = $tree->{$path};
	remove($tree, $path) unless $old && $old->{type} eq '5' && $node->{type} eq '5';
	$tree->{$path} = $node;
}

sub apply {
	my ($tree, $digest) = @_;
	my $f = open_layer(blob($digest));
	my @nodes;
	while (my $node = header($f, my $pax = {})) {
		@$node{qw(file at)} = ($f, tell($f));
		seek($f, $node->{size} + -$node->{size} % 512, 1);
		$node->{name} =~ s{^(\./)+}{};
		$node->{name} =~ s{/+$}{};
		$node->{name} = '.' if $node->{name} eq '';
		push @nodes, $node;
	}
	# Whiteouts first: they speak of what lies below, wherever in the layer they stand.
	for my $node (@nodes) {
		my ($parent, $child) = $node->{name} =~ m{^(.*?)([^/]*)$};
		next unless $child =~ s/^\.wh\.//;
		if ($child eq '.wh..opq') {
			delete @$tree{ grep { $_ ne '.' && index($_, $parent) == 0 } keys %$tree };
		} else {
			exists $tree->{"$parent$child"} or die "whiteout of $parent$child, which is not there\n";
			remove($tree, "$parent$child");
		}
	}
	for my $node (@nodes) {
		place($tree, $node) unless $node->{name} =~ m{(^|/)\.wh\.[^/]*$};
	}
}

sub quote {
	my ($text) = @_;
	my %short = ("\n" => '\n', "\t" => '\t', "\r" => '\r', '"' => '\"', '\\' => '\\\\');
	$text =~ s/(["\\\x00-\x1f\x7f-\xff])/$short{$1} \/\/ sprintf('\%03o', ord($1))/ge;
	return $text;
}

sub content {
	my ($node) = @_;
	return ' 0' if $node->{size} == 0;
	seek($node->{file}, $node->{at}, 0);
	read($node->{file}, my $bytes, $node->{size});
	return " $node->{size} \"" . quote($bytes) . '"' if $node->{size} <= $show && $bytes !~ /\0/;
	require Digest::SHA;
	return " $node->{size} " . substr(Digest::SHA::sha256_hex($bytes), 0, 16);
}

sub render {
	my ($path, $node, $first) = @_;
	my $type = { 0 => 'f', "\0" => 'f', 2 => 'l', 3 => 'c', 4 => 'b', 5 => 'd', 6 => 'p' }->{ $node->{type} }
		// die "$path: type $node->{type}\n";
	my $name = quote($path);
	return "h $name -> " . quote($first->{$node}) if $first->{$node} ne $path;
	my $line = sprintf('%s %o %d:%d %s', $type, $node->{mode}, $node->{uid}, $node->{gid}, $name);
	$line .= content($node) if $type eq 'f';
	$line .= ' -> ' . quote($node->{target}) if $type eq 'l';
	$line .= " $node->{device}" if $type =~ /[cb]/;
	return $line . $node->{xattr};
}

sub listing {
	my ($tree) = @_;
	my (%first, %line);
	for my $path (sort keys %$tree) {
		$first{ $tree->{$path} } //= $path;
		$line{$path} = render($path, $tree->{$path}, \%first);
	}
	return \%line;
}

my @base = $base ? layers($base) : ();
my @image = layers($image);
my %tree;
while (@base && @image && $base[0] eq $image[0]) {
	apply(\%tree, shift @base);
	shift @image;
}
# An image that does not stand on the base is listed whole.
%tree = () if @base;
my %below = %tree;
apply(\%tree, $_) for @image;

my ($was, $is) = ({}, {});
for my $path (keys %tree) {
	my ($old, $new) = ($below{$path}, $tree{$path});
	$is->{$path} = $new unless $old && $old == $new && $new->{size} > $show;
}
$was->{$_} = $below{$_} for grep { exists $is->{$_} || !exists $tree{$_} } keys %below;
($was, $is) = (listing($was), listing($is));
my $gone = "\0";
for my $path (sort(keys %$is, grep { !exists $tree{$_} } keys %$was)) {
	if (!exists $tree{$path}) {
		next if index($path, "$gone/") == 0;
		$gone = $path;
		print '- ', quote($path), "\n";
	} elsif (($was->{$path} // '') ne $is->{$path}) {
		print "$is->{$path}\n";
	}
}
