export * from './applied-migrations.ts';
export * from './assert-schema-not-ahead.ts';
export * from './migrate.ts';
export * from './migrations.ts';
