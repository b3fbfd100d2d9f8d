CREATE TABLE `post` (
	`id` integer PRIMARY KEY NOT NULL,
	`author` integer,
	FOREIGN KEY (`author`) REFERENCES `user`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_user` (
	`id` integer PRIMARY KEY NOT NULL,
	`full_name` text NOT NULL,
	`name` text
);
--> statement-breakpoint
INSERT INTO `__new_user`("id", "full_name", "name") SELECT "id", "full_name", "name" FROM `user`;--> statement-breakpoint
DROP TABLE `user`;--> statement-breakpoint
ALTER TABLE `__new_user` RENAME TO `user`;--> statement-breakpoint
PRAGMA foreign_keys=ON;