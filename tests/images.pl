#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Lists what images have different from a base image, read from their blobs.
#
#	tests/images.pl BLOBS BASE-MANIFEST <LIST
#
# BLOBS is the directory of an OCI layout that holds files named by sha256, manifests are digests in
# it. LIST has a line "MANIFEST FOLDER" for each image; into the folder go
#
#	tree      a line for each path that is not as in the base, sorted by path:
#		  type mode uid:gid path [size content] [-> target]
#		  type is f (file), d, l (symlink), h (hard link, target is its first name), c, b, p;
#		  "- path" is gone. Content is quoted text where it is short text, else a part of its
#		  sha256. Times are left out: what a test wants to say about them, it says with stat.
#	config    a line "key JSON" for each key of the config, or in lower case of the document, that
#		  is not as in the base
#	history   what was done after the base, "+" for a step that made a layer, else "-"
#
# This reads tar by itself, so that neither varve nor the rights of the caller matter.
use strict;
use warnings;

use JSON::PP;

my ($blobs, $base) = @ARGV;
my $json = JSON::PP->new->canonical->allow_nonref;
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

sub document {
	return JSON::PP::decode_json(slurp(blob($_[0])));
}

sub layers {
	return map { $_->{digest} } @{ $_[0]{layers} };
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

sub tree_lines {
	my ($base, $image) = @_;
	my (%tree, %was, %is, @lines);
	my @base = layers($base);
	my @image = layers($image);
	while (@base && @image && $base[0] eq $image[0]) {
		apply(\%tree, shift @base);
		shift @image;
	}
	# An image that does not stand on the base is listed whole.
	%tree = () if @base;
	my %below = %tree;
	apply(\%tree, $_) for @image;
	for my $path (keys %tree) {
		my ($old, $new) = ($below{$path}, $tree{$path});
		$is{$path} = $new unless $old && $old == $new && $new->{size} > $show;
	}
	$was{$_} = $below{$_} for grep { exists $is{$_} || !exists $tree{$_} } keys %below;
	my ($was, $is) = (listing(\%was), listing(\%is));
	my $gone = "\0";
	for my $path (sort(keys %$is, grep { !exists $tree{$_} } keys %$was)) {
		if (exists $tree{$path}) {
			push @lines, $is->{$path} if ($was->{$path} // '') ne $is->{$path};
		} elsif (index($path, "$gone/") != 0) {
			$gone = $path;
			push @lines, '- ' . quote($path);
		}
	}
	return @lines;
}

# What is empty counts as absent: tools differ in how they write it.
sub fields {
	my ($document) = @_;
	my %all = (%$document, %{ $document->{config} // {} });
	delete @all{qw(config rootfs history created)};
	my %line = map { $_ => "$_ " . $json->encode($all{$_}) } keys %all;
	delete @line{ grep { $line{$_} =~ / (null|\{\}|\[\]|"")$/ } keys %line };
	return \%line;
}

sub config_lines {
	my ($base, $image) = map { fields($_) } @_;
	my %keys = (%$base, %$image);
	return map { $image->{$_} // "$_ null" }
		grep { ($base->{$_} // '') ne ($image->{$_} // '') } sort keys %keys;
}

sub history_lines {
	my ($base, $image) = map { $_->{history} // [] } @_;
	return map { ($_->{empty_layer} ? '- ' : '+ ') . ($_->{created_by} // '') =~ s/\n/\\n/gr }
		@$image[@$base .. $#$image];
}

sub put {
	my ($file, @lines) = @_;
	open(my $f, '>:raw', $file) or die "$file: $!\n";
	print $f map { utf8::encode($_) if utf8::is_utf8($_); "$_\n" } @lines;
	close($f) or die "$file: $!\n";
}

my $below = document($base);
my $below_config = document($below->{config}{digest});
while (my $line = <STDIN>) {
	my ($digest, $folder) = $line =~ /^(\S+) (.*)$/ or die "not MANIFEST FOLDER: $line";
	my $image = document($digest);
	my $config = document($image->{config}{digest});
	put("$folder/config", config_lines($below_config, $config));
	put("$folder/history", history_lines($below_config, $config));
	# A layer that nothing can be made of is one failed case, not the end of all.
	my @tree = eval { tree_lines($below, $image) };
	put("$folder/tree", $@ ? "cannot be read: $@" : @tree);
}
