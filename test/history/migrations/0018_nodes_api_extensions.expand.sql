alter table nodes add column api_extensions integer not null default 0;
update nodes set api_extensions = 42 where id > 1;
