alter table images add column type integer not null default 0;
