CREATE TABLE `user` (
	`id` integer PRIMARY KEY NOT NULL,
	`full_name` text
);
