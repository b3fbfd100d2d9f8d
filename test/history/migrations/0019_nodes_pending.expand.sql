alter table nodes add column pending integer not null default 0;
